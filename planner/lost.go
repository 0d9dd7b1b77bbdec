package planner

import (
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Lost returns the paths at and below which records are missing although no resource was destroyed: unreadable records, and
// missing parents of recorded resources.
func Lost(prior *state.State) []resource.Path {
	var lost []resource.Path
	for _, u := range prior.Unreadable {
		if u.Path != "" {
			lost = append(lost, u.Path)
		}
	}
	for p := range prior.Records {
		if p.IsVolume() {
			continue // it may outlive its parents
		}
		for q := p.Parent(); q != ""; q = q.Parent() {
			if prior.Records[q] == nil {
				lost = append(lost, q)
			}
		}
	}
	return outermost(lost)
}

// LostWithCells returns the same for containers in containerd with the labels of desired containers, or of resources that a
// destroy has to remove. Their cells are not recorded, or they have exited, so that an apply had not just created them.
func LostWithCells(desired *resource.Tree, prior *state.State, actual *plan.Actual, opts Options) []resource.Path {
	var lost []resource.Path
	for p, o := range orphansOf(prior, actual, false) {
		wanted := opts.Destroy && o.project == opts.Project
		if desired != nil && !opts.Destroy {
			r := desired.Resource(p)
			wanted = r != nil && !r.External
		}
		if o.container == nil || !wanted {
			continue
		}
		if prior.Records[p.Parent()] != nil && o.container.Status != plan.TaskStopped {
			continue
		}
		for p.Parent() != "" && prior.Records[p.Parent()] == nil {
			p = p.Parent()
		}
		lost = append(lost, p)
	}
	return outermost(lost)
}

// outermost returns the paths that none of the others contains, each once and in order.
func outermost(paths []resource.Path) []resource.Path {
	slices.SortFunc(paths, resource.ComparePaths)
	var outer []resource.Path
	for _, p := range paths {
		if n := len(outer); n == 0 || !outer[n-1].Contains(p) {
			outer = append(outer, p)
		}
	}
	return outer
}
