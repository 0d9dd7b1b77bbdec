package order

import (
	"maps"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// orderTeardown lets a resource be taken down after the resources below it, a root container after the others of its
// cell, and a container only when all those are prepared that are made in its cell.
func (s *stepper) orderTeardown(c *plan.Change) {
	gone, ok := s.gone[c.Path]
	if !ok {
		return
	}
	if above, ok := nearest(s.gone, c.Path); ok {
		s.waits = append(s.waits, [2]int{above, gone})
	}
	if _, ok := c.Before.Spec.(*resource.Container); !ok {
		s.orderDetach(c, gone)
		return
	}
	for _, p := range s.children[c.Path.Parent()] {
		s.wait(gone, s.prepared, p)
	}
	for _, carried := range c.Carried {
		s.wait(gone, s.first, carried.To)
	}
	s.waitForDependents(c, gone)
	s.waitForDependencies(c, gone)
}

// waitForDependencies lets a container that another one follows be stopped only when the dependencies of that one are there, and
// works: else it would be down for as long, or for good. Within a cell that holds only where no other container is taken down:
// those go in the reverse order.
func (s *stepper) waitForDependencies(c *plan.Change, gone int) {
	_, followed := s.first[c.Path]
	if top := s.changes[c.Path.Realm()]; !followed || top != nil && top.Action == plan.Replace {
		return
	}
	cell := c.Path.Parent()
	s.orderCells(gone, cell)
	s.waitForVolumes(gone, c.After.Spec.(*resource.Container))
	for _, p := range s.children[cell] {
		_, taken := s.gone[p]
		if p != c.Path && (taken || p == s.roots[cell] && !inPlace(s.changes[p])) {
			return
		}
	}
	for _, on := range c.After.Spec.(*resource.Container).DependsOn {
		s.wait(gone, s.last, cell.Join(on.Name))
		if on.Condition != "" {
			s.wait(gone, s.checked, cell.Join(on.Name))
		}
	}
}

// orderDetach lets a space be taken down when the cells of other spaces that were attached to it are out of it, and a volume when
// no container mounts it.
func (s *stepper) orderDetach(c *plan.Change, gone int) {
	if c.Path.IsVolume() {
		s.orderUnmount(c, gone)
		return
	}
	if c.Path.Kind() != resource.KindSpace {
		return
	}
	for p, other := range s.changes {
		if p.Kind() == resource.KindCell && other.Before != nil && other.Before.Status.Attachment.In(c.Path) != nil && !c.Path.Contains(p) {
			s.wait(gone, s.gone, p)
			if other.Action == plan.Update {
				s.wait(gone, s.last, p)
			}
		}
	}
}

// orderUnmount lets a volume be deleted when no container mounts it any more.
func (s *stepper) orderUnmount(c *plan.Change, gone int) {
	for p, other := range s.changes {
		if other.Before != nil && slices.Contains(resource.VolumesOf(other.Before.Spec), c.Path) {
			s.wait(gone, s.gone, p)
		}
	}
}

// findDependents notes which containers depend on each container: on the root container of a cell its others, within a
// cell those that name it, and between cells all containers of one on all of the other.
func (s *stepper) findDependents() {
	s.dependents = map[resource.Path][]resource.Path{}
	cells := s.recordedContainers()
	for cell, containers := range cells {
		for _, on := range s.in.Prior.Records[cell].CellDependencies() {
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
	for p, r := range s.in.Prior.Records {
		add(p, r.Spec)
	}
	for p, c := range s.changes {
		if c.Before != nil {
			add(p, c.Before.Spec)
		}
	}
	return cells
}

// waitForDependents lets the step that destroys a container, or shuts it down, wait for its dependents. Containers that a
// command names stop at the same time: nobody waits for one grace period after another.
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
				visit(other) // through one that has ended, a migration for instance, others depend on it all the same
			case c.Action == plan.Shutdown,
				sibling && (c.Action == plan.Delete || c.Action == plan.Replace),
				!sibling && s.goes(cell) && s.goes(other.Parent()):
				s.wait(gone, s.gone, other)
			}
		}
	}
	visit(c.Path)
}
