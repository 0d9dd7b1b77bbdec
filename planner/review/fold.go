package review

import "github.com/kukeon/kuke/planner/plan"

// Group holds changes that are alike: they have the same kind, action and reasons, and differ in their paths and in the values
// of Columns only.
type Group struct {
	// Changes are in the order of the plan; at least one.
	Changes []*plan.Change
	// Columns are the values that differ, in the order of the attributes; empty for a single change.
	Columns []Column
}

// Column is an attribute whose value differs between the changes of a group.
type Column struct {
	// Name is [plan.Diff.Name].
	Name string
	// Diffs are those of the changes of the group, in their order.
	Diffs []plan.Diff
}

// Fold groups the changes that are alike, in the order of the first of each group.
func Fold(changes []*plan.Change) []Group {
	groups := make([]Group, len(changes))
	for i, c := range changes {
		groups[i] = Group{Changes: []*plan.Change{c}}
	}
	return groups
}
