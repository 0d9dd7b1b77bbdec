package planner

import (
	"fmt"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// triggers holds the changes that follow from other changes: one round of decisions finds them, and the next one makes them.
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

// heed notes the changes that follow from the decisions, and reports whether any is new, so that the decisions have to be made again.
func (t *triggers) heed(d *draft) bool {
	replaced, awaited := t.pull(d), t.awaitStarted(d)
	return replaced || awaited
}

// pull notes the containers that are to be replaced because of the changes, and reports whether any is new.
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

// pulledBy says which part of c pulls the trigger, or returns "". A resource that is created had no values that could change.
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
