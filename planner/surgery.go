package planner

import (
	"errors"
	"fmt"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/planner/state"
)

// Move is a container that the configuration has renamed, and goes on as it is.
type Move struct {
	From realm.Path `json:"from"`
	To   realm.Path `json:"to"`
	// Records are those that change in the state: its own first, by the new path.
	Records  []*state.Record `json:"records"`
	Declared realm.Range     `json:"-"`
}

// Removal is what the configuration no longer holds, and says so.
type Removal struct {
	From realm.Path
	// Forget leaves it running.
	Forget   bool
	Declared realm.Range
}

// Import is a container that kuke did not make and that becomes one of the configuration's.
type Import struct {
	Record *state.Record `json:"record"`
}

// operated returns a state in which the moves and imports have been made. Where a move has been made already there is
// nothing to do; what can't be moved is reported.
func (o *Options) operated(prior *state.State, diags *realm.Diagnostics) (*state.State, []Move) {
	if len(o.Moves) == 0 && len(o.Imports) == 0 {
		return prior, nil
	}
	st := prior.Clone()
	var made []Move
	for _, m := range o.Moves {
		if st.Records[m.From] == nil {
			continue
		}
		changed, err := st.Rename(m.From, m.To)
		if err != nil {
			diags.Errorf(m.Declared, m.From, "Invalid move", "%v.", err)
			continue
		}
		m.Records = changed
		made = append(made, m)
		st.Renamed(m.From, changed)
	}
	for _, i := range o.Imports {
		st.Records[i.Record.Path] = i.Record
	}
	return st, made
}

// operated returns the state as it is once the moves and imports of the plan are made.
func (p *Plan) operated(st *state.State) *state.State {
	if len(p.Moves) == 0 && len(p.Imports) == 0 {
		return st
	}
	after := st.Clone()
	for _, m := range p.Moves {
		after.Renamed(m.From, m.Records)
	}
	for _, i := range p.Imports {
		after.Records[i.Record.Path] = i.Record
	}
	return after
}

// forgotten returns the removal that wants p to go on without us, or nil.
func (d *decider) forgotten(p realm.Path) *Removal {
	for i, r := range d.opts.Removals {
		if r.Forget && r.From.Contains(p) {
			return &d.opts.Removals[i]
		}
	}
	return nil
}

// forget plans to leave what is recorded running, and to forget it.
func (d *decider) forget(p realm.Path, have *state.Record, r *Removal) *Change {
	if p.Kind() != realm.KindContainer {
		d.diags.Errorf(r.Declared, p, "Invalid removal", "%s %s can't be left as it is and be forgotten: only containers can. Take destroy = false away.", p.Kind().Lower(), p)
		return nil
	}
	return &Change{Path: p, Action: Forget, Before: have, Reasons: []string{"removed from the configuration with destroy = false: it goes on running"}}
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
			d.diags.Errorf(m.Declared, m.From, "Invalid move", "%s %s is still in the configuration, at %s, and can't have been moved. Take one of the two away.", m.From.Kind().Lower(), m.From, want.Declared)
		}
	}
}

// checkImports makes sure that imports are of containers, and say of them what can be true. Moves are made again by
// [Plan.CheckFresh].
func (p *Plan) checkImports() error {
	for _, i := range p.Imports {
		if i.Record == nil || i.Record.Path.Kind() != realm.KindContainer {
			return errors.New("import: there is no record of a container")
		}
		if err := checkRecord(i.Record); err != nil {
			return fmt.Errorf("import: %w", err)
		}
	}
	return nil
}
