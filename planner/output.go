package planner

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// outputChanges returns how the outputs of the project change; the wanted ones are nil where nobody says.
func outputChanges(prior *state.State, o *Options) []plan.OutputChange {
	if o.ByHand || len(o.Targets)+len(o.Exclude) > 0 || o.Outputs == nil && !o.Destroy {
		return nil
	}
	have, want := prior.Outputs[o.Project], o.Outputs
	if o.Destroy {
		want = nil
	}
	names := maps.Clone(have)
	if names == nil {
		names = map[string]*state.Output{}
	}
	maps.Copy(names, want)
	var changes []plan.OutputChange
	for _, name := range slices.Sorted(maps.Keys(names)) {
		before, after := have[name], want[name]
		if before != nil && after != nil && sameOutput(before, after) {
			continue
		}
		changes = append(changes, plan.OutputChange{Name: name, Before: before, After: after})
	}
	return changes
}

// keptOutputs returns the recorded outputs of the project that do not change.
func keptOutputs(prior *state.State, o *Options, changes []plan.OutputChange) map[string]*state.Output {
	kept := maps.Clone(prior.Outputs[o.Project])
	for _, c := range changes {
		delete(kept, c.Name)
	}
	if o.ByHand || len(kept) == 0 {
		return nil
	}
	return kept
}

func sameOutput(a, b *state.Output) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}
