package planner

import (
	"fmt"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// excluded are the resources that the option Exclude concerns; both maps are empty without it.
type excluded struct {
	// left stay as they are: the excluded ones, those below them and, unless all is destroyed, those that depend on them.
	left map[resource.Path]bool
	// needed are those that a recorded one of these needs: they are not deleted.
	needed map[resource.Path]bool
}

// excludedFrom returns the resources that the options exclude.
func excludedFrom(in *input) excluded {
	e := excluded{left: map[resource.Path]bool{}, needed: map[resource.Path]bool{}}
	if len(in.opts.Exclude) == 0 {
		return e
	}
	needs, dependents := map[resource.Path][]resource.Path{}, map[resource.Path][]resource.Path{}
	for _, p := range in.paths() {
		needs[p] = in.dependencies(p)
		for _, on := range needs[p] {
			if !in.opts.Destroy || on == p.Parent() { // its dependents can be destroyed without it
				dependents[on] = append(dependents[on], p)
			}
		}
	}
	reach(in.opts.Exclude, dependents, e.left)
	var recorded []resource.Path
	for p := range e.left {
		if in.prior.Records[p] != nil || in.orphans[p] != nil {
			recorded = append(recorded, p)
		}
	}
	reach(recorded, needs, e.needed)
	return e
}

// reach adds to found the paths, and all that next leads to from them.
func reach(paths []resource.Path, next map[resource.Path][]resource.Path, found map[resource.Path]bool) {
	for _, p := range paths {
		if !found[p] {
			found[p] = true
			reach(next[p], next, found)
		}
	}
}

// dependencies returns the resources that p needs, as the configuration or the state has it: its parent, the root container of
// its cell, and those of its attributes.
func (in *input) dependencies(p resource.Path) []resource.Path {
	var all []resource.Path
	if parent := p.Parent(); parent != "" {
		all = append(all, parent)
	}
	if want := in.desired.Resource(p); want != nil {
		all = append(all, want.References...)
	}
	switch spec := in.specOf(p).(type) {
	case *resource.Cell:
		for _, on := range spec.DependsOn {
			all = append(all, resource.Path(on.Name), in.rootOf(resource.Path(on.Name)))
		}
	case *resource.Container:
		if root := in.rootOf(p.Parent()); root != p && !in.imported(p) {
			all = append(all, root)
		}
		for _, on := range spec.DependsOn {
			all = append(all, p.Parent().Join(on.Name))
		}
		for _, name := range spec.Networks {
			all = append(all, p.Realm().Join(name))
		}
		all = append(all, resource.VolumesOf(spec)...)
	}
	return all
}

// checkExcluded refuses a plan that changes an excluded resource because it changes one that it lives on.
func (d *review) checkExcluded() {
	for _, p := range d.draft.order {
		if c := d.draft.changes[p]; c != nil && d.draft.scope.left[p] {
			d.diags.Errorf(d.in.declared(p), p, "Excluded resource would change", "%s %s is excluded, but the plan would %s it%s. Exclude also the resource whose change leads to that.", p.Kind().Lower(), p, c.Action, d.cause(c))
		}
	}
}

// cause gives the reason of a change that another one brings about, in parentheses.
func (d *review) cause(c *plan.Change) string {
	switch {
	case c.Path.Kind() == resource.KindContainer && d.draft.rootMoves(c.Path):
		return fmt.Sprintf(", since its root container %s changes", d.in.rootOf(c.Path.Parent()))
	case len(c.Reasons) > 0:
		return fmt.Sprintf(" (%s)", c.Reasons[0])
	}
	return ""
}
