package plan

import (
	"maps"
	"net/netip"
	"strconv"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// Change is the change of one resource.
type Change struct {
	Path   resource.Path `json:"path"`
	Action Action        `json:"action"`
	// HCL says that the resource is declared in HCL. People then see the names of attributes in HCL.
	HCL bool `json:"hcl,omitempty"`
	// Cause is the origin of a replacement or a deletion.
	Cause Cause `json:"cause,omitempty"`
	// Reasons are sentences for people, beyond the differences in Diffs.
	Reasons []string `json:"reasons,omitempty"`
	// Diffs are the differences between the recorded and the desired spec.
	Diffs []Diff `json:"diffs,omitempty"`
	// Before is the prior record, nil if there is none. For a resource without a record, which Unrecorded says, it holds the values
	// of its labels.
	Before     *state.Record `json:"before"`
	Unrecorded bool          `json:"unrecorded,omitempty"`
	// After is the record that the executor will write, but for times and for limits read back; nil for a delete.
	After *state.Record `json:"after"`
	// Carried are the files of a replaced container that come into volumes before it is removed.
	Carried []Carried `json:"carried,omitempty"`
	// RemoveImages says that the images of a deleted or replaced realm are removed with it; else its containerd namespace stays
	// if it holds any.
	RemoveImages bool `json:"remove_images,omitempty"`
	// Reattach names the interfaces of an updated cell that stay as they are recorded, but are not so on the host: they are
	// detached, and attached again.
	Reattach []string `json:"reattach,omitempty"`
	// Start says that an updated container is also started.
	Start bool `json:"start,omitempty"`
	// Signal is the one sent, for [Kill].
	Signal string `json:"signal,omitempty"`
	// GraceSeconds is, for [Stop], [Shutdown] and [Restart], in place of the container's own grace period.
	GraceSeconds *int64 `json:"grace_seconds,omitempty"`
	// Check is the condition that a container is waited for, healthy or completed; empty if it is not waited for.
	Check resource.Condition `json:"check,omitempty"`
}

// Carried is a directory of a container whose files come into an empty volume.
type Carried struct {
	From string        `json:"from"`
	To   resource.Path `json:"to"`
}

// Cause is the origin of a replacement or a deletion: the part of the plan that made it necessary.
type Cause string

// The causes.
const (
	CauseAttribute     Cause = "attribute"     // a value that can't change while the resource lives
	CauseRequest       Cause = "request"       // --replace
	CauseTrigger       Cause = "trigger"       // the change of another resource
	CauseHost          Cause = "host"          // the host does not have the resource as it was made
	CauseConfiguration Cause = "configuration" // the configuration no longer has it
)

// causes are all of them.
var causes = []Cause{CauseAttribute, CauseRequest, CauseTrigger, CauseHost, CauseConfiguration}

// Drift is a difference between the record of a resource and the host that the configuration did not cause.
type Drift struct {
	Path resource.Path `json:"path"`
	// Reasons are sentences for people.
	Reasons []string `json:"reasons"`
	// Gone says that the host does not have the resource.
	Gone bool `json:"gone,omitempty"`
	// After is the record as the host has the resource; nil where no record can hold the difference.
	After *state.Record `json:"after,omitempty"`
}

// OutputChange is the change of an output value.
type OutputChange struct {
	Name string `json:"name"`
	// Before and After are the recorded values, nil where there is none.
	Before *state.Output `json:"before,omitempty"`
	After  *state.Output `json:"after,omitempty"`
}

// Computed returns the computed values of the planned resources, by path and by the attribute that configurations refer
// to.
func Computed(pl *Plan, prior *state.State) map[resource.Path]map[string]string {
	all := map[resource.Path]map[string]string{}
	records := maps.Clone(pl.MovedAndImported(prior).Records)
	for _, c := range pl.Changes {
		records[c.Path] = c.After
	}
	for p, r := range records {
		if r == nil {
			continue
		}
		if c, ok := r.Spec.(*resource.Container); ok {
			all[p] = map[string]string{"root": strconv.FormatBool(c.Root)}
		}
		if n := r.Status.Network; n != nil {
			all[p] = map[string]string{"subnet": n.Subnet, "gateway": n.Gateway, "subnet6": n.Subnet6, "gateway6": n.Gateway6, "bridge": n.Bridge}
		}
		if a := r.Status.Attachment; a != nil && len(a.Interfaces) > 0 {
			address, _, _ := strings.Cut(a.Interfaces[0].Address, "/")
			if prefix, err := netip.ParsePrefix(a.Interfaces[0].Address); err == nil {
				address = prefix.Addr().String()
			}
			address6, _, _ := strings.Cut(a.Interfaces[0].Address6, "/")
			all[p] = map[string]string{"address": address, "address6": address6}
		}
	}
	return all
}
