package order

import (
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// wait lets the step wait for that of p in which, where there is one.
func (s *stepper) wait(step int, which map[resource.Path]int, p resource.Path) {
	if on, ok := which[p]; ok && on != step {
		s.waits = append(s.waits, [2]int{step, on})
	}
}

// nearest returns the step in which of the nearest resource above p that has one: not every level between two
// that change need change, or even be known.
func nearest(which map[resource.Path]int, p resource.Path) (step int, ok bool) {
	for above := p.Parent(); above != ""; above = above.Parent() {
		if step, ok := which[above]; ok {
			return step, true
		}
	}
	return 0, false
}

// waitForAbove lets the step wait for the resources above p, as they will be. With cgroup v1 not every level waits for the next,
// see [stepper.lowerFirst]: there it waits for each.
func (s *stepper) waitForAbove(p resource.Path, step int) {
	if s.in.Actual.CgroupMode == plan.CgroupV1 {
		for above := p.Parent(); above != ""; above = above.Parent() {
			s.wait(step, s.last, above)
		}
	} else if above, ok := nearest(s.last, p); ok {
		s.waits = append(s.waits, [2]int{step, above})
	}
}

// orderBuild lets a resource be built up after its parent, after its own removal and, in a cell, after the
// root container and the containers that it depends on.
func (s *stepper) orderBuild(c *plan.Change) {
	first, ok := s.first[c.Path]
	if !ok {
		if check, ok := s.checked[c.Path]; ok {
			s.orderCheck(c, check)
		}
		return
	}
	if s.lowerFirst(c, first) {
		return
	}
	s.waitForAbove(c.Path, first)
	s.wait(first, s.gone, c.Path)
	s.wait(first, s.prepared, c.Path)
	if want := s.in.Desired.Resource(c.Path); want != nil {
		for _, p := range want.References {
			s.wait(first, s.last, p)
		}
	}
	spec, ok := c.After.Spec.(*resource.Container)
	if !ok {
		s.orderNetwork(c, first)
		return
	}
	cell := c.Path.Parent()
	s.orderCells(first, cell)
	s.waitForVolumes(first, spec)
	if i, ok := s.images[c.ImageKey()]; ok && (c.Action == plan.Create || c.Action == plan.Replace || c.RenamesImage()) {
		s.waits = append(s.waits, [2]int{first, i})
	}
	if spec.Root {
		// The root gets a new network namespace: all containers must have left the old one.
		for _, sibling := range s.children[cell] {
			if !inPlace(c) {
				s.wait(first, s.gone, sibling)
			}
		}
		s.waitForSpaces(first, s.record(cell))
		return
	}
	s.wait(first, s.last, s.roots[cell])
	for _, on := range spec.DependsOn {
		s.wait(first, s.last, cell.Join(on.Name))
		if on.Condition != "" {
			s.wait(first, s.checked, cell.Join(on.Name))
		}
	}
}

// waitForVolumes lets the step wait for the volumes that the container mounts.
func (s *stepper) waitForVolumes(step int, spec *resource.Container) {
	for _, p := range resource.VolumesOf(spec) {
		s.wait(step, s.last, p)
	}
}

// orderCheck lets a container that stays as it is be checked when its network is as it will be.
func (s *stepper) orderCheck(c *plan.Change, check int) {
	if above, ok := nearest(s.last, c.Path); ok {
		s.waits = append(s.waits, [2]int{check, above})
	}
	s.wait(check, s.last, s.roots[c.Path.Parent()])
}

// orderNetwork lets a cell be attached to the spaces that it will be in once they are there, and not while its root
// container is taken down, which detaches it.
func (s *stepper) orderNetwork(c *plan.Change, first int) {
	if c.Path.Kind() != resource.KindCell {
		return
	}
	s.waitForSpaces(first, c.After)
	// So that the recorded dependencies never form a cycle, wherever an apply is interrupted.
	for _, on := range c.After.CellDependencies() {
		s.wait(first, s.last, resource.Path(on.Name))
	}
	for _, p := range s.children[c.Path] {
		if before := s.changes[p].Before; before != nil && before.Spec.(*resource.Container).Root && c.Action == plan.Update {
			s.wait(first, s.gone, p)
		}
	}
}

// waitForSpaces lets the step wait for the networks that the cell is attached to.
func (s *stepper) waitForSpaces(step int, cell *state.Record) {
	if cell == nil || cell.Status.Attachment == nil {
		return
	}
	for _, i := range cell.Status.Attachment.Interfaces {
		s.wait(step, s.last, i.Space)
	}
}

// orderCells lets the first step of a container wait for the cells that its cell depends on.
func (s *stepper) orderCells(first int, cell resource.Path) {
	for _, on := range s.record(cell).CellDependencies() {
		other := resource.Path(on.Name)
		s.wait(first, s.last, other)
		for _, p := range s.children[other] {
			s.wait(first, s.last, p)
			if on.Condition == resource.Healthy || on.Condition == resource.Completed && p == s.roots[other] {
				s.wait(first, s.checked, p)
			}
		}
	}
}

// lowerFirst lets the changes above c that leave fewer processors wait for c, where that takes less than it had, and
// reports whether there are any: cgroup v1 lets no parent have less than its children.
func (s *stepper) lowerFirst(c *plan.Change, first int) bool {
	before, after, ok := cpusInPlace(c)
	if s.in.Actual.CgroupMode != plan.CgroupV1 || !ok || before == 0 || after >= before {
		return false
	}
	found := false
	for p := c.Path.Parent(); p != ""; p = p.Parent() {
		before, after, ok := cpusInPlace(s.changes[p])
		if ok && after != 0 && (before == 0 || after < before) {
			s.waits = append(s.waits, [2]int{s.first[p], first})
			found = true
		}
	}
	return found
}

// cpusInPlace returns the processors before and after c, 0 for no limit; ok says that c does nothing but change
// attributes in place.
func cpusInPlace(c *plan.Change) (before, after float64, ok bool) {
	if c == nil || c.Action != plan.Update || c.Start {
		return 0, 0, false
	}
	for _, df := range c.Diffs {
		if df.Computed {
			return 0, 0, false
		}
	}
	return resource.ResourcesOf(c.Before.Spec).CPUs, resource.ResourcesOf(c.After.Spec).CPUs, true
}
