package planner

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// decideAttachment adds to the change of a cell how it is attached, and what differs from that on the host.
func (d *networks) decideAttachment(p resource.Path, a *state.Attachment) {
	had := d.in.attachmentOf(p)
	drift := d.cellDrift(p, had)
	if d.draft.changes[p] == nil && reflect.DeepEqual(had, a) && len(drift) == 0 {
		return
	}
	c := d.draft.ensure(p)
	c.After.Status.Attachment = a
	if c.Action != plan.Update {
		had = nil
	}
	if had != nil {
		c.Reasons = append(c.Reasons, drift...)
		c.Reattach = d.reattached(p, had, a)
	} else if c.Action == plan.Update {
		c.Reasons = append(c.Reasons, "it has no address yet")
	}
	for _, i := range a.Interfaces {
		before := ""
		if other := had.In(i.Space); other != nil {
			before = other.Address
		}
		c.Diffs = append(c.Diffs, computed(fmt.Sprintf("networks[%q]", i.Space.Name()), before, i.Address)...)
	}
	if had == nil {
		had = &state.Attachment{}
	}
	for _, i := range had.Interfaces {
		if a.In(i.Space) == nil {
			c.Diffs = append(c.Diffs, computed(fmt.Sprintf("networks[%q]", i.Space.Name()), i.Address, "")...)
		}
	}
	c.Diffs = append(c.Diffs, setDiffs("published", had.Published, a.Published)...)
	c.Diffs = append(c.Diffs, setDiffs("aliases", aliases(had), aliases(a))...)
}

// aliases returns the names of a cell beyond those that its path gives it.
func aliases(a *state.Attachment) []string {
	const fromPath = 2
	return a.Names[min(fromPath, len(a.Names)):]
}

// setDiffs compares two sets of computed values.
func setDiffs(name string, before, after []string) []plan.Diff {
	var diffs []plan.Diff
	for _, v := range before {
		if !slices.Contains(after, v) {
			diffs = append(diffs, plan.Diff{Name: fmt.Sprintf("%s[%q]", name, v), Before: true, Computed: true})
		}
	}
	for _, v := range after {
		if !slices.Contains(before, v) {
			diffs = append(diffs, plan.Diff{Name: fmt.Sprintf("%s[%q]", name, v), After: true, Computed: true})
		}
	}
	return diffs
}

// reattached names the interfaces of a recorded cell that stay as they are, and are not so on the host.
func (d *networks) reattached(p resource.Path, had, a *state.Attachment) []string {
	if d.in.rootOf(p) == "" || d.draft.netnsMoves(p) {
		return nil
	}
	flawed := d.in.actual.FlawedInterfaces(p, had, d.in.live(d.in.rootOf(p)))
	return slices.DeleteFunc(flawed, func(name string) bool {
		return !slices.ContainsFunc(had.Interfaces, func(i state.Interface) bool {
			stays := a.In(i.Space)
			return i.Name == name && stays != nil && *stays == i
		})
	})
}

// cellDrift says what of the network of a recorded cell is not as it was made. Where the root container makes the
// network namespace anew, that is all there is to do.
func (d *networks) cellDrift(p resource.Path, had *state.Attachment) []string {
	if d.in.rootOf(p) == "" || d.draft.netnsMoves(p) {
		return nil
	}
	drift := d.in.actual.AttachmentFlaws(p, had, d.in.live(d.in.rootOf(p)))
	for i := range drift {
		drift[i] = outside + drift[i]
	}
	return drift
}
