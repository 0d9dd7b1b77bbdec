package planner

import (
	"fmt"
	"slices"

	"github.com/kukeon/kuke/planner/plan"
)

// computed returns the difference of a value that kuke chooses; empty means no value.
func computed(name, before, after string) []plan.Diff {
	if before == after {
		return nil
	}
	df := plan.Diff{Name: name, Computed: true}
	if before != "" {
		df.Before = before
	}
	if after != "" {
		df.After = after
	}
	return []plan.Diff{df}
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
