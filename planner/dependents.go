package planner

import (
	"maps"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// findDependents notes which containers depend on each container: on the root container of a cell its others, within a
// cell those that name it, and between cells all containers of one on all of the other.
func (s *stepper) findDependents() {
	s.dependents = map[resource.Path][]resource.Path{}
	cells := s.recordedContainers()
	for cell, containers := range cells {
		for _, on := range dependenciesOf(s.prior.Records[cell]) {
			for other := range cells[resource.Path(on.Name)] {
				s.dependents[other] = slices.AppendSeq(s.dependents[other], maps.Keys(containers))
			}
		}
		for p, spec := range containers {
			if spec.Root {
				continue
			}
			on := map[resource.Path]bool{}
			for _, d := range spec.DependsOn {
				on[cell.Join(d.Name)] = true
			}
			for other, spec := range containers {
				if spec.Root || on[other] {
					s.dependents[other] = append(s.dependents[other], p)
				}
			}
		}
	}
}

// recordedContainers returns, by their cells, the containers that are recorded, and those that only changes know, as
// they are before.
func (s *stepper) recordedContainers() map[resource.Path]map[resource.Path]*resource.Container {
	cells := map[resource.Path]map[resource.Path]*resource.Container{}
	add := func(p resource.Path, spec resource.Spec) {
		c, ok := spec.(*resource.Container)
		if !ok {
			return
		}
		if cells[p.Parent()] == nil {
			cells[p.Parent()] = map[resource.Path]*resource.Container{}
		}
		cells[p.Parent()][p] = c
	}
	for p, r := range s.prior.Records {
		add(p, r.Spec)
	}
	for p, c := range s.changes {
		if c.Before != nil {
			add(p, c.Before.Spec)
		}
	}
	return cells
}

// waitForDependents lets the step that takes a container down, or shuts it down, wait until those that depend on it are
// down. What is stopped by name stops at once: nobody waits for one grace period after another.
func (s *stepper) waitForDependents(c *plan.Change, gone int) {
	cell := c.Path.Parent()
	seen := map[resource.Path]bool{}
	var visit func(resource.Path)
	visit = func(p resource.Path) {
		for _, other := range s.dependents[p] {
			if seen[other] {
				continue
			}
			seen[other] = true
			sibling := other.Parent() == cell
			switch _, ends := s.gone[other]; {
			case c.Action == plan.Shutdown && !ends:
				visit(other) // through one that has ended, such as a migration, others depend on it all the same
			case c.Action == plan.Shutdown,
				sibling && (c.Action == plan.Delete || c.Action == plan.Replace),
				!sibling && s.goes(cell) && s.goes(other.Parent()):
				s.wait(gone, s.gone, other)
			}
		}
	}
	visit(c.Path)
}
