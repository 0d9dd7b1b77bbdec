package planner

import (
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Rehearsed returns the recorded realms, spaces, stacks and cells that a host needs to carry out the plan, parents first: the cells
// that it changes or whose containers it changes, those that they depend on, directly or through others, their volumes, and the
// resources above them. A host has all other resources only in its record.
func Rehearsed(p *plan.Plan, prior *state.State) []resource.Path {
	r := rehearsed{prior: prior, wanted: map[resource.Path]bool{}}
	for _, c := range p.Changes {
		at := c.Path
		if at.Kind() == resource.KindContainer {
			at = at.Parent()
		}
		r.add(at)
		if c.After == nil {
			continue
		}
		if cell, ok := c.After.Spec.(*resource.Cell); ok {
			r.addAll(cell.DependsOn)
		}
	}
	r.addVolumes(p)
	moved := map[resource.Path]bool{}
	for _, m := range p.Moves {
		moved[m.From] = true
	}
	paths := slices.DeleteFunc(prior.Paths(), func(at resource.Path) bool { return at.Kind() == resource.KindContainer })
	for _, at := range paths {
		for above := at; above != "" && len(moved) > 0; above = above.Parent() {
			if moved[above] {
				r.add(at)
			}
		}
	}
	for from := range moved {
		if from.Kind() == resource.KindContainer {
			r.add(from.Parent())
		}
	}
	return slices.DeleteFunc(paths, func(at resource.Path) bool { return !r.wanted[at] })
}

// addVolumes adds the volumes that the containers of the cells mount, before or after their changes.
func (r *rehearsed) addVolumes(p *plan.Plan) {
	for at, record := range r.prior.Records {
		if r.wanted[at.Parent()] {
			r.addEach(resource.VolumesOf(record.Spec))
		}
	}
	for _, c := range p.Changes {
		if c.After != nil {
			r.addEach(resource.VolumesOf(c.After.Spec))
		}
	}
}

func (r *rehearsed) addEach(paths []resource.Path) {
	for _, at := range paths {
		r.add(at)
	}
}

type rehearsed struct {
	prior  *state.State
	wanted map[resource.Path]bool
}

// add adds a resource with those above it and, of a cell, the spaces and cells that it needs.
func (r *rehearsed) add(at resource.Path) {
	if at == "" || r.wanted[at] {
		return
	}
	r.wanted[at] = true
	r.add(at.Parent())
	record := r.prior.Records[at]
	if record == nil || at.Kind() != resource.KindCell {
		return
	}
	if a := record.Status.Attachment; a != nil {
		for _, i := range a.Interfaces {
			r.add(i.Space)
		}
	}
	r.addAll(record.CellDependencies())
}

func (r *rehearsed) addAll(cells []resource.CellDependency) {
	for _, d := range cells {
		if at, err := resource.ParsePath(d.Name); err == nil {
			r.add(at)
		}
	}
}
