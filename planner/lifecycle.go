package planner

import (
	"fmt"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Wanted returns the desired tree as [New] plans it: with the values as they are recorded wherever their changes count for
// nothing, and with the recorded root containers where nobody wrote which they are. What the host is looked at for, the images above all, are then those that are wanted.
func Wanted(desired *resource.Tree, prior *state.State, opts Options) *resource.Tree {
	if desired == nil || opts.Destroy {
		return nil
	}
	var reported resource.Diagnostics // by New
	operated, _ := plan.MoveAndImport(prior, opts.Moves, opts.Imports, &reported)
	return settleRoots(ignoring(desired, operated), recordedRoots(operated), operated, &opts)
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

// review looks at the changes once all are decided.
type review struct {
	in    *input
	draft *draft
	diags *resource.Diagnostics
}

// checkProtected refuses to delete or replace what is protected: by the configuration, or, where that says nothing of it, by
// the last one that was applied.
func (d *review) checkProtected() {
	for _, p := range d.draft.order {
		c := d.draft.changes[p]
		if c == nil || c.Action != plan.Delete && c.Action != plan.Replace {
			continue
		}
		want := d.in.desired.Resource(p)
		switch {
		case want != nil && protected(want):
			d.diags.Errorf(want.Declared, p, "Protected resource", "%s %s would be %s%s, but its configuration says prevent_destroy. Take that away, or leave what forces this as it was.",
				p.Kind().Lower(), p, past(c.Action), why(c))
		case (want == nil || d.in.opts.ByHand) && c.Before != nil && c.Before.Status.PreventDestroy:
			d.diags.Errorf(resource.Range{}, p, "Protected resource", "%s %s would be %s%s, but it was applied with prevent_destroy. To destroy it, apply it without prevent_destroy first.",
				p.Kind().Lower(), p, past(c.Action), why(c))
		}
	}
}

// why says, in parentheses, what is behind a change.
func why(c *plan.Change) string {
	for _, reason := range c.Reasons {
		if reason != protectedFromNow {
			return " (" + reason + ")"
		}
	}
	for _, df := range c.Diffs {
		if c.Action == plan.Replace && df.ForcesReplacement {
			return fmt.Sprintf(" (%s changes)", df.Name)
		}
	}
	return ""
}

// triggers says what changes because something else does: what one round of decisions finds, the next one heeds.
type triggers struct {
	// triggered says of containers why they are replaced although nothing of their own changes.
	triggered map[resource.Path]string
	// awaitedNow holds the containers that are not left to containerd's restart monitor, because containers that the plan starts
	// wait for them.
	awaitedNow map[resource.Path]bool
}

func newTriggers() *triggers {
	return &triggers{triggered: map[resource.Path]string{}, awaitedNow: map[resource.Path]bool{}}
}

// heed notes what follows from the decisions, and reports whether that is news, so that they have to be made again.
func (t *triggers) heed(d *draft) bool {
	replaced, awaited := t.pull(d), t.awaitStarted(d)
	return replaced || awaited
}

// pull notes what is to be replaced because of the changes, and reports whether that is news.
func (t *triggers) pull(d *draft) bool {
	news := false
	for _, r := range d.in.desired.Resources() {
		c := d.changes[r.Path]
		if r.Lifecycle == nil || t.triggered[r.Path] != "" || d.in.prior.Records[r.Path] == nil || !d.targeted(r.Path) ||
			c != nil && (c.Action == plan.Replace || c.Action == plan.Create) {
			continue
		}
		for _, by := range r.Lifecycle.ReplaceTriggeredBy {
			if how := trigger(by).pulledBy(d.changes[by.Path]); how != "" {
				t.triggered[r.Path] = fmt.Sprintf("replaced because %s %s %s", by.Path.Kind().Lower(), by.Path, how)
				news = true
				break
			}
		}
	}
	return news
}

// awaitStarted notes which of the containers that are left to the monitor others wait for that the plan starts, and reports
// whether that is news.
func (t *triggers) awaitStarted(d *draft) bool {
	news := false
	for p, c := range d.changes {
		if p.Kind() != resource.KindContainer || c.After == nil || c.Action == plan.Update && !c.Start || c.Action == plan.Adopt {
			continue
		}
		for on := range d.restarting {
			if !t.awaitedNow[on] && d.waits(p, c.After.Spec.(*resource.Container), on) {
				t.awaitedNow[on], news = true, true
			}
		}
	}
	return news
}

// trigger is one of a lifecycle.
type trigger resource.Trigger

// pulledBy says what of c pulls the trigger, or returns "". What is created had nothing before that could have changed.
func (t trigger) pulledBy(c *plan.Change) string {
	if c == nil {
		return ""
	}
	switch c.Action {
	case plan.Replace:
		return "is replaced"
	case plan.Update:
	default:
		return ""
	}
	if len(t.Attributes) == 0 {
		return "changes"
	}
	for _, df := range c.Diffs {
		for _, attribute := range t.Attributes {
			if df.Within(attribute) {
				return "changes its " + attribute
			}
		}
	}
	return ""
}
