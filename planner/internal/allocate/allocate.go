// Package allocate gives resources their part of the host: names, subnets, addresses and ports.
//
// It is a pure function of its input: records, configuration and host say which resource keeps a recorded value,
// and which one gets a free value. Whether a resource changes at all is decided elsewhere.
package allocate

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Input is everything that an allocation follows from.
type Input struct {
	Desired *resource.Tree
	Prior   *state.State
	Actual  *plan.Actual
	// Paths lists the resources, desired, recorded or found, in the order in which they are served.
	Paths []resource.Path
	// After holds the records that there will be, as far as they are decided; those that don't change are those of Prior.
	After map[resource.Path]*state.Record
	// Owned holds the spaces and cells whose network the plan may change.
	Owned map[resource.Path]bool
	// Pool is the one that subnets are chosen from; the zero value means [DefaultPool].
	Pool netip.Prefix
	// Left holds the networks that the host has of spaces which are not recorded.
	Left map[resource.Path]*state.Network
	// Names are those that recorded resources have on the host.
	Names *state.HostNames
}

type allocator struct {
	in Input
	// containers holds those that each cell will have, in the order of their paths.
	containers map[resource.Path][]*state.Record
	// subnets are those given to spaces that had none, or another.
	subnets []claim
	diags   resource.Diagnostics
}

func newAllocator(in Input) *allocator {
	a := &allocator{in: in, containers: map[resource.Path][]*state.Record{}}
	for _, p := range in.Paths {
		if r := in.After[p]; r != nil && p.Kind() == resource.KindContainer {
			a.containers[p.Parent()] = append(a.containers[p.Parent()], r)
		}
	}
	for _, all := range a.containers {
		slices.SortFunc(all, func(x, y *state.Record) int { return strings.Compare(string(x.Path), string(y.Path)) })
	}
	return a
}

// declared returns where the resource at p is declared.
func (a *allocator) declared(p resource.Path) resource.Range {
	if r := a.in.Desired.Resource(p); r != nil {
		return r.Declared
	}
	return resource.Range{}
}

// writtenAt returns where an attribute of the resource at p is written.
func (a *allocator) writtenAt(p resource.Path, attribute string) resource.Range {
	if r := a.in.Desired.Resource(p); r != nil {
		return r.RangeOf(attribute)
	}
	return resource.Range{}
}

// attachmentOf returns how the cell at p is attached by its record, or nil.
func (a *allocator) attachmentOf(p resource.Path) *state.Attachment {
	if r := a.in.Prior.Records[p]; r != nil {
		return r.Status.Attachment
	}
	return nil
}

// networkOf returns the network that a space has or will have, or nil.
func (a *allocator) networkOf(space resource.Path) *state.Network {
	if r := a.in.After[space]; r != nil {
		return r.Status.Network
	}
	return nil
}

// bridgeOf returns the name of the bridge that the space has or will have.
func (a *allocator) bridgeOf(space resource.Path) string {
	if n := a.networkOf(space); n != nil {
		return n.Bridge
	}
	return resource.BridgeName(space)
}
