package planner

import (
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Wanted returns the desired tree as [New] plans it: with the recorded values wherever their changes are ignored, and with
// the recorded root containers where the configuration names none. A refresh then inspects the host for the wanted
// resources, their images above all.
func Wanted(desired *resource.Tree, prior *state.State, opts Options) *resource.Tree {
	if desired == nil || opts.Destroy {
		return nil
	}
	var reported resource.Diagnostics // by New
	moved, _ := plan.MoveAndImport(prior, opts.Moves, opts.Imports, &reported)
	return settleRoots(keepingImageVolumes(ignoring(desired, moved), moved), recordedRoots(moved), moved, &opts)
}

func ignoring(desired *resource.Tree, prior *state.State) *resource.Tree {
	tree := resource.NewTree()
	for _, r := range desired.Resources() {
		have := prior.Records[r.Path]
		if have != nil && r.Lifecycle != nil && len(r.Lifecycle.IgnoreChanges) > 0 {
			kept := *r
			kept.Spec = resource.Ignoring(r.Spec, have.Spec, r.Lifecycle.IgnoreChanges)
			r = &kept
		}
		tree.Add(r)
	}
	return tree
}

// protected reports whether the configuration wants the resource never to be destroyed.
func protected(want *resource.Resource) bool {
	return want.Lifecycle != nil && want.Lifecycle.PreventDestroy
}

// protectedFromNow is the reason of a change that does no more than to protect.
const protectedFromNow = "protected by prevent_destroy from now on"

// protect notes in the record of c whether its resource may be destroyed, which is a change by itself.
func (d *decider) protect(c *plan.Change, want *resource.Resource) {
	if d.in.opts.ByHand {
		c.After.Status.PreventDestroy = c.Before.Status.PreventDestroy
		return
	}
	if protected(want) == c.Before.Status.PreventDestroy {
		return
	}
	if c.Action == "" {
		c.Action = plan.Update
	}
	if protected(want) {
		c.Reasons = append(c.Reasons, protectedFromNow)
	} else {
		c.Reasons = append(c.Reasons, "no longer protected by prevent_destroy")
	}
}
