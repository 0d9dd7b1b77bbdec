package planner

import (
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// forgotten returns the removal that wants p to go on without us, or nil.
func (in *input) forgotten(p resource.Path) *plan.Removal {
	for i, r := range in.opts.Removals {
		if r.Forget && r.From.Contains(p) {
			return &in.opts.Removals[i]
		}
	}
	return nil
}

// forget plans to leave what is recorded running, and to forget it.
func (d *pruner) forget(p resource.Path, have *state.Record, r *plan.Removal) *plan.Change {
	if p.Kind() != resource.KindContainer {
		d.diags.Errorf(r.Declared, p, "Invalid removal", "%s %s can't be left as it is and be forgotten: only containers can. Take destroy = false away.", p.Kind().Lower(), p)
		return nil
	}
	return &plan.Change{Path: p, Action: plan.Forget, Before: have, Reasons: []string{"removed from the configuration with destroy = false: it goes on running"}}
}

// checkRemovals refuses removals of what is still declared.
func (d *request) checkRemovals() {
	for _, r := range d.in.opts.Removals {
		if want := d.in.desired.Resource(r.From); want != nil {
			d.diags.Errorf(r.Declared, r.From, "Invalid removal", "%s %s is still in the configuration, at %s. Take it away there, or take the block removed away.", r.From.Kind().Lower(), r.From, want.Declared)
		}
	}
	for _, m := range d.in.opts.Moves {
		if want := d.in.desired.Resource(m.From); want != nil {
			d.diags.Errorf(m.Declared, m.From, "Invalid move", "%s %s is still in the configuration, at %s, and can't have been moved. Remove the block moved, or what is declared there.", m.From.Kind().Lower(), m.From, want.Declared)
		}
	}
}
