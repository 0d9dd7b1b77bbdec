package planner

import (
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// forgotten returns the removal that wants p to go on without us, or nil.
func (d *decider) forgotten(p resource.Path) *plan.Removal {
	for i, r := range d.opts.Removals {
		if r.Forget && r.From.Contains(p) {
			return &d.opts.Removals[i]
		}
	}
	return nil
}

// forget plans to leave what is recorded running, and to forget it.
func (d *decider) forget(p resource.Path, have *state.Record, r *plan.Removal) *plan.Change {
	if p.Kind() != resource.KindContainer {
		d.diags.Errorf(r.Declared, p, "Invalid removal", "%s %s can't be left as it is and be forgotten: only containers can. Take destroy = false away.", p.Kind().Lower(), p)
		return nil
	}
	return &plan.Change{Path: p, Action: plan.Forget, Before: have, Reasons: []string{"removed from the configuration with destroy = false: it goes on running"}}
}

// checkRemovals refuses removals of what is still declared.
func (d *decider) checkRemovals() {
	for _, r := range d.opts.Removals {
		if want := d.desired.Resource(r.From); want != nil {
			d.diags.Errorf(r.Declared, r.From, "Invalid removal", "%s %s is still in the configuration, at %s. Take it away there, or take the block removed away.", r.From.Kind().Lower(), r.From, want.Declared)
		}
	}
	for _, m := range d.opts.Moves {
		if want := d.desired.Resource(m.From); want != nil {
			d.diags.Errorf(m.Declared, m.From, "Invalid move", "%s %s is still in the configuration, at %s, and can't have been moved. Remove the block moved, or what is declared there.", m.From.Kind().Lower(), m.From, want.Declared)
		}
	}
}
