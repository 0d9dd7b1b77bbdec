package planner

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/planner/graph"
)

// stepper turns the changes of a plan into steps and says which wait for which.
type stepper struct {
	changes map[realm.Path]*Change
	steps   []Step
	// first and last are the first and the last step that builds a resource up; gone is the one that takes
	// it down (or stops it). An entry is missing where there is no such step.
	first, last, gone map[realm.Path]int
	images            map[ImageKey]int
	children          map[realm.Path][]realm.Path
	roots             map[realm.Path]realm.Path
	waits             [][2]int
}

// buildSteps fills plan.Steps and plan.Images.
func buildSteps(plan *Plan, actual *Actual) error {
	s := &stepper{
		changes: plan.ChangesByPath(), images: map[ImageKey]int{}, children: map[realm.Path][]realm.Path{},
		first: map[realm.Path]int{}, last: map[realm.Path]int{}, gone: map[realm.Path]int{}, roots: map[realm.Path]realm.Path{},
	}
	for _, c := range plan.Changes {
		s.children[c.Path.Parent()] = append(s.children[c.Path.Parent()], c.Path)
	}
	for _, c := range plan.Changes {
		s.addSteps(c, actual)
	}
	for _, c := range plan.Changes {
		s.orderBuild(c)
		s.orderTeardown(c)
	}
	for key, i := range s.images {
		s.wait(i, s.last, s.realmOf(key.Namespace))
		plan.Images = append(plan.Images, s.steps[i].Image)
	}
	sort.Slice(plan.Images, func(i, j int) bool {
		a, b := plan.Images[i], plan.Images[j]
		return strings.Compare(a.Namespace+" "+a.Reference, b.Namespace+" "+b.Reference) < 0
	})
	return s.sort(plan)
}

func (s *stepper) add(op Op, p realm.Path) int {
	s.steps = append(s.steps, Step{Op: op, Path: p})
	return len(s.steps) - 1
}

func (s *stepper) addSteps(c *Change, actual *Actual) {
	if c.After != nil {
		if spec, ok := c.After.Spec.(*realm.Container); ok && spec.Root {
			s.roots[c.Path.Parent()] = c.Path
		}
	}
	build := func(ops ...Op) {
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
	if c.Action == Replace || c.Action == Delete {
		s.gone[c.Path] = s.add(OpDelete, c.Path)
	}
	if c.Action == Restart || c.Action == Update && c.Start {
		s.gone[c.Path] = s.add(OpStop, c.Path)
	}
	switch c.Action {
	case Create, Replace:
		build(OpCreate)
		s.addImage(c, actual)
	case Update:
		build(OpUpdate)
		if c.Start {
			build(OpStart)
		}
	case Start, Restart:
		build(OpStart)
	case Adopt:
		build(OpAdopt)
	}
}

func (s *stepper) addImage(c *Change, actual *Actual) {
	spec, ok := c.After.Spec.(*realm.Container)
	if !ok {
		return
	}
	key := ImageKey{c.After.Status.Namespace, spec.Image}
	if _, ok := s.images[key]; ok {
		return
	}
	status := actual.Images[key]
	i := s.add(OpImage, "")
	s.steps[i].Image = &Image{Namespace: key.Namespace, Reference: key.Reference, Digest: status.Digest, Pull: !status.Local}
	s.images[key] = i
}

// realmOf returns the path of the realm change that makes the namespace, if any.
func (s *stepper) realmOf(namespace string) realm.Path {
	for p, c := range s.changes {
		if p.Kind() == realm.KindRealm && c.After != nil && c.After.Status.Namespace == namespace {
			return p
		}
	}
	return ""
}

// wait lets the step wait for that of p in which, where there is one.
func (s *stepper) wait(step int, which map[realm.Path]int, p realm.Path) {
	if on, ok := which[p]; ok && on != step {
		s.waits = append(s.waits, [2]int{step, on})
	}
}

// nearest returns the step in which of the nearest resource above p that has one: not every level between two
// that change need change, or even be known.
func nearest(which map[realm.Path]int, p realm.Path) (step int, ok bool) {
	for above := p.Parent(); above != ""; above = above.Parent() {
		if step, ok := which[above]; ok {
			return step, true
		}
	}
	return 0, false
}

// orderBuild lets a resource be built up after its parent, after its own removal and, in a cell, after the
// root container and what it depends on.
func (s *stepper) orderBuild(c *Change) {
	first, ok := s.first[c.Path]
	if !ok {
		return
	}
	if above, ok := nearest(s.last, c.Path); ok {
		s.waits = append(s.waits, [2]int{first, above})
	}
	s.wait(first, s.gone, c.Path)
	spec, ok := c.After.Spec.(*realm.Container)
	if !ok {
		return
	}
	cell := c.Path.Parent()
	if i, ok := s.images[ImageKey{c.After.Status.Namespace, spec.Image}]; ok && (c.Action == Create || c.Action == Replace) {
		s.waits = append(s.waits, [2]int{first, i})
	}
	if spec.Root {
		// The network namespace is made anew with the root: whoever lives in the old one must be out of it.
		for _, sibling := range s.children[cell] {
			s.wait(first, s.gone, sibling)
		}
		return
	}
	s.wait(first, s.last, s.roots[cell])
	for _, name := range spec.DependsOn {
		s.wait(first, s.last, cell.Join(name))
	}
}

// orderTeardown lets a resource be taken down after what is below it, a root container after the others of its
// cell, and a container that is replaced only when the images of its cell's new containers are there.
func (s *stepper) orderTeardown(c *Change) {
	gone, ok := s.gone[c.Path]
	if !ok {
		return
	}
	if above, ok := nearest(s.gone, c.Path); ok {
		s.waits = append(s.waits, [2]int{above, gone})
	}
	before, ok := c.Before.Spec.(*realm.Container)
	if !ok {
		return
	}
	for _, p := range s.children[c.Path.Parent()] {
		sibling := s.changes[p]
		if sibling.Before != nil && p != c.Path {
			other, _ := sibling.Before.Spec.(*realm.Container)
			if before.Root && !other.Root || slices.Contains(other.DependsOn, c.Path.Name()) && !other.Root {
				s.wait(gone, s.gone, p)
			}
		}
		s.waitForImage(gone, sibling)
	}
}

func (s *stepper) waitForImage(gone int, sibling *Change) {
	if r := s.changes[sibling.Path.Realm()]; r != nil && r.Action == Replace {
		return // the new namespace, where the image belongs, is only made when all of the old one is gone
	}
	if sibling.Action != Create && sibling.Action != Replace {
		return
	}
	key := ImageKey{sibling.After.Status.Namespace, sibling.After.Spec.(*realm.Container).Image}
	s.waits = append(s.waits, [2]int{gone, s.images[key]})
}

// sort puts the steps in a stable order in which they can be carried out and numbers what they wait for.
func (s *stepper) sort(plan *Plan) error {
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
	plan.Steps = make([]Step, len(order))
	for at, i := range order {
		slices.Sort(after[at])
		plan.Steps[at] = s.steps[i]
		plan.Steps[at].After = after[at]
	}
	return nil
}
