package planner

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/graph"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// stepper turns the changes of a plan into steps and says which wait for which.
type stepper struct {
	changes map[resource.Path]*plan.Change
	steps   []plan.Step
	// first and last are the first and the last step that builds a resource up; gone is the one that takes
	// it down (or stops it). An entry is missing where there is no such step.
	first, last, gone map[resource.Path]int
	// checked is the step that waits until a container works, prepared the one that makes sure that it can be made.
	checked, prepared map[resource.Path]int
	desired           *resource.Tree
	prior             *state.State
	// cgroupMode is that of the host.
	cgroupMode string
	images     map[plan.ImageKey]int
	children   map[resource.Path][]resource.Path
	// dependents are the containers that depend on a container, as recorded.
	dependents map[resource.Path][]resource.Path
	roots      map[resource.Path]resource.Path
	waits      [][2]int
}

// buildSteps fills plan.Steps and plan.Images.
func buildSteps(p *plan.Plan, desired *resource.Tree, prior *state.State, actual *plan.Actual) error {
	s := &stepper{
		changes: p.ChangesByPath(), images: map[plan.ImageKey]int{}, children: map[resource.Path][]resource.Path{},
		desired: desired, prior: prior, cgroupMode: actual.CgroupMode, checked: map[resource.Path]int{}, prepared: map[resource.Path]int{}, first: map[resource.Path]int{}, last: map[resource.Path]int{}, gone: map[resource.Path]int{}, roots: map[resource.Path]resource.Path{},
	}
	for _, c := range p.Changes {
		s.children[c.Path.Parent()] = append(s.children[c.Path.Parent()], c.Path)
	}
	s.findDependents()
	for _, c := range p.Changes {
		s.addSteps(c, actual)
	}
	for _, c := range p.Changes {
		s.addPrepare(c)
	}
	for _, c := range p.Changes {
		s.orderBuild(c)
		s.orderTeardown(c)
	}
	for _, n := range p.Names {
		if len(n.Update) > 0 {
			s.wait(s.add(plan.OpNames, n.Space), s.last, n.Space)
		}
	}
	for key, i := range s.images {
		s.wait(i, s.last, s.realmOf(key.Namespace))
		p.Images = append(p.Images, s.steps[i].Image)
	}
	sort.Slice(p.Images, func(i, j int) bool {
		a, b := p.Images[i], p.Images[j]
		return strings.Compare(a.Namespace+" "+a.Reference, b.Namespace+" "+b.Reference) < 0
	})
	return s.sort(p)
}

func (s *stepper) add(op plan.Op, p resource.Path) int {
	s.steps = append(s.steps, plan.Step{Op: op, Path: p})
	return len(s.steps) - 1
}

func (s *stepper) addSteps(c *plan.Change, actual *plan.Actual) {
	if c.After != nil {
		if spec, ok := c.After.Spec.(*resource.Container); ok && spec.Root {
			s.roots[c.Path.Parent()] = c.Path
		}
	}
	build := func(ops ...plan.Op) {
		for _, op := range ops {
			i := s.add(op, c.Path)
			if _, ok := s.first[c.Path]; !ok {
				s.first[c.Path] = i
			} else {
				s.waits = append(s.waits, [2]int{i, s.last[c.Path]})
			}
			s.last[c.Path] = i
		}
	}
	if c.Action == plan.Replace || c.Action == plan.Delete {
		s.gone[c.Path] = s.add(plan.OpDelete, c.Path)
	}
	if c.Action == plan.Restart || c.Action == plan.Shutdown || c.Action == plan.Update && c.Start {
		s.gone[c.Path] = s.add(plan.OpStop, c.Path)
	}
	switch c.Action {
	case plan.Create, plan.Replace:
		build(plan.OpCreate)
		s.addImage(c, actual)
	case plan.Update:
		build(plan.OpUpdate)
		if c.RenamesImage() && actual.Images[imageOf(c)].Local == c.After.Status.ImageDigest {
			s.addImage(c, actual) // so that the image stays there for as long as the container names it
		}
		if c.Start {
			build(plan.OpStart)
		}
	case plan.Start, plan.Restart:
		build(plan.OpStart)
	case plan.Adopt:
		build(plan.OpAdopt)
	case plan.Stop, plan.Kill, plan.Pause, plan.Unpause, plan.Forget:
		s.add(plan.Op(c.Action), c.Path) // which nothing waits for: the operations are called as the actions are
	}
	if c.Check != "" {
		i := s.add(plan.OpCheck, c.Path)
		s.wait(i, s.last, c.Path)
		s.checked[c.Path] = i
	}
}

func (s *stepper) addImage(c *plan.Change, actual *plan.Actual) {
	if c.Path.Kind() != resource.KindContainer {
		return
	}
	key := imageOf(c)
	if _, ok := s.images[key]; ok {
		return
	}
	digest := c.After.Status.ImageDigest
	i := s.add(plan.OpImage, "")
	s.steps[i].Image = &plan.Image{Namespace: key.Namespace, Reference: key.Reference, Digest: digest, Pull: actual.Images[key].Local != digest}
	s.images[key] = i
}

// addPrepare adds the step that prepares a container which is made where another one of its cell, or its own predecessor, is
// stopped for it. In a realm that is replaced there is none: its new namespace, where the image belongs, is only made when all of
// the old one is gone.
func (s *stepper) addPrepare(c *plan.Change) {
	if c.Path.Kind() != resource.KindContainer || c.Action != plan.Create && c.Action != plan.Replace {
		return
	}
	if r := s.changes[c.Path.Realm()]; r != nil && r.Action == plan.Replace {
		return
	}
	for _, p := range s.children[c.Path.Parent()] {
		if _, stops := s.gone[p]; stops {
			i := s.add(plan.OpPrepare, c.Path)
			s.wait(i, s.last, c.Path.Realm())
			s.waits = append(s.waits, [2]int{i, s.images[imageOf(c)]})
			s.prepared[c.Path] = i
			return
		}
	}
}

// imageOf returns the image that a container will have.
func imageOf(c *plan.Change) plan.ImageKey {
	return plan.ImageKey{Namespace: c.After.Status.Namespace, Reference: c.After.Spec.(*resource.Container).Image}
}

// realmOf returns the path of the realm change that makes the namespace, if any.
func (s *stepper) realmOf(namespace string) resource.Path {
	for p, c := range s.changes {
		if p.Kind() == resource.KindRealm && c.After != nil && c.After.Status.Namespace == namespace {
			return p
		}
	}
	return ""
}

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

// waitForAbove lets the step wait for what is above p, as it will be. With cgroup v1 not every level waits for the next,
// see [stepper.lowerFirst]: there it waits for each.
func (s *stepper) waitForAbove(p resource.Path, step int) {
	if s.cgroupMode == cgroupV1 {
		for above := p.Parent(); above != ""; above = above.Parent() {
			s.wait(step, s.last, above)
		}
	} else if above, ok := nearest(s.last, p); ok {
		s.waits = append(s.waits, [2]int{step, above})
	}
}

// orderBuild lets a resource be built up after its parent, after its own removal and, in a cell, after the
// root container and what it depends on.
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
	if want := s.desired.Resource(c.Path); want != nil {
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
	if i, ok := s.images[imageOf(c)]; ok && (c.Action == plan.Create || c.Action == plan.Replace || c.RenamesImage()) {
		s.waits = append(s.waits, [2]int{first, i})
	}
	if spec.Root {
		// The network namespace is made anew with the root: whoever lives in the old one must be out of it.
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

// orderCheck lets a container that stays as it is be checked when its network is as it will be.
func (s *stepper) orderCheck(c *plan.Change, check int) {
	if above, ok := nearest(s.last, c.Path); ok {
		s.waits = append(s.waits, [2]int{check, above})
	}
	s.wait(check, s.last, s.roots[c.Path.Parent()])
}

// record returns the record of p as it will be, or nil.
func (s *stepper) record(p resource.Path) *state.Record {
	if c := s.changes[p]; c != nil {
		return c.After
	}
	return s.prior.Records[p]
}

// orderNetwork lets a cell be attached to the spaces that it will be in once they are there, and not while its root
// container is taken down, which detaches it.
func (s *stepper) orderNetwork(c *plan.Change, first int) {
	if c.Path.Kind() != resource.KindCell {
		return
	}
	s.waitForSpaces(first, c.After)
	// So that what is recorded never goes round in a circle, wherever an apply is interrupted.
	for _, on := range dependenciesOf(c.After) {
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
	for _, on := range dependenciesOf(s.record(cell)) {
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

func dependenciesOf(cell *state.Record) []resource.CellDependency {
	if cell == nil {
		return nil
	}
	return cell.Spec.(*resource.Cell).DependsOn
}

// orderTeardown lets a resource be taken down after what is below it, a root container after the others of its
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
	s.waitForDependents(c, gone)
	s.waitForDependencies(c, gone)
}

// inPlace reports whether a container goes on running through its change.
func inPlace(c *plan.Change) bool {
	return c == nil || c.Action == plan.Update && !c.Start || c.Action == plan.Check
}

// waitForDependencies lets a container that another one follows be stopped only when what that one depends on is there, and
// works: else it would be down for as long, or for good. Within a cell that holds only where no other container is taken down:
// those go in the reverse order.
func (s *stepper) waitForDependencies(c *plan.Change, gone int) {
	_, followed := s.first[c.Path]
	if top := s.changes[c.Path.Realm()]; !followed || top != nil && top.Action == plan.Replace {
		return
	}
	cell := c.Path.Parent()
	s.orderCells(gone, cell)
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

// goes reports whether the resource at p is deleted.
func (s *stepper) goes(p resource.Path) bool {
	c := s.changes[p]
	return c != nil && c.Action == plan.Delete
}

// orderDetach lets a space be taken down when the cells of other spaces that were attached to it are out of it.
func (s *stepper) orderDetach(c *plan.Change, gone int) {
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

// sort puts the steps in a stable order in which they can be carried out and numbers what they wait for.
func (s *stepper) sort(p *plan.Plan) error {
	g := graph.New(len(s.steps))
	for _, w := range s.waits {
		g.Wait(w[0], w[1])
	}
	order, err := g.Order()
	var cycle *graph.CycleError
	if errors.As(err, &cycle) {
		var names []string
		for _, i := range append(cycle.Nodes, cycle.Nodes[0]) {
			names = append(names, fmt.Sprintf("%s %s", s.steps[i].Op, s.steps[i].Path))
		}
		return errors.New(strings.Join(names, " → "))
	}
	place := make([]int, len(order))
	for at, i := range order {
		place[i] = at
	}
	after := make([][]int, len(order))
	for _, w := range s.waits {
		if at := place[w[0]]; !slices.Contains(after[at], place[w[1]]) {
			after[at] = append(after[at], place[w[1]])
		}
	}
	p.Steps = make([]plan.Step, len(order))
	for at, i := range order {
		slices.Sort(after[at])
		p.Steps[at] = s.steps[i]
		p.Steps[at].After = after[at]
	}
	return nil
}
