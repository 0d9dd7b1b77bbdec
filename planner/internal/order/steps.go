package order

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
	in      Input
	changes map[resource.Path]*plan.Change
	steps   []plan.Step
	// first and last are the first and the last step that builds a resource up; gone is the step that destroys
	// or stops it. A resource without the step has no entry.
	first, last, gone map[resource.Path]int
	// checked is the step that waits until a container works, prepared the one that makes sure that it can be made.
	checked, prepared map[resource.Path]int
	images            map[plan.ImageKey]int
	children          map[resource.Path][]resource.Path
	// dependents are the containers that depend on a container, as recorded.
	dependents map[resource.Path][]resource.Path
	roots      map[resource.Path]resource.Path
	waits      [][2]int
}

// Input holds everything that the steps follow from.
type Input struct {
	// Changes are those of the plan, parents before the resources in them.
	Changes []*plan.Change
	// Names are those of cells, in spaces where /etc/hosts files are written.
	Names   []plan.SpaceNames
	Desired *resource.Tree
	Prior   *state.State
	Actual  *plan.Actual
}

// Steps returns the steps that the changes take, in an order in which they can be carried out one after the other, and the
// images that they need. The error names steps that wait for each other.
func Steps(in Input) ([]plan.Step, []*plan.Image, error) {
	s := &stepper{
		in: in, changes: map[resource.Path]*plan.Change{}, images: map[plan.ImageKey]int{}, children: map[resource.Path][]resource.Path{},
		checked: map[resource.Path]int{}, prepared: map[resource.Path]int{}, first: map[resource.Path]int{}, last: map[resource.Path]int{},
		gone: map[resource.Path]int{}, roots: map[resource.Path]resource.Path{},
	}
	for _, c := range in.Changes {
		s.changes[c.Path] = c
		s.children[c.Path.Parent()] = append(s.children[c.Path.Parent()], c.Path)
	}
	s.findDependents()
	for _, c := range in.Changes {
		s.addSteps(c)
	}
	for _, c := range in.Changes {
		s.addPrepare(c)
	}
	for _, c := range in.Changes {
		s.orderBuild(c)
		s.orderTeardown(c)
	}
	for _, n := range in.Names {
		if len(n.Update) > 0 {
			s.wait(s.add(plan.OpNames, n.Space), s.last, n.Space)
		}
	}
	var images []*plan.Image
	for key, i := range s.images {
		s.wait(i, s.last, s.realmOf(key.Namespace))
		images = append(images, s.steps[i].Image)
	}
	sort.Slice(images, func(i, j int) bool {
		a, b := images[i], images[j]
		return strings.Compare(a.Namespace+" "+a.Reference, b.Namespace+" "+b.Reference) < 0
	})
	steps, err := s.sort()
	return steps, images, err
}

func (s *stepper) add(op plan.Op, p resource.Path) int {
	s.steps = append(s.steps, plan.Step{Op: op, Path: p})
	return len(s.steps) - 1
}

func (s *stepper) addSteps(c *plan.Change) {
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
		s.addImage(c)
	case plan.Update:
		build(plan.OpUpdate)
		if c.RenamesImage() && s.in.Actual.Images[c.ImageKey()].Local == c.After.Status.ImageDigest {
			s.addImage(c) // so that the image stays there for as long as the container names it
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

func (s *stepper) addImage(c *plan.Change) {
	if c.Path.Kind() != resource.KindContainer {
		return
	}
	key := c.ImageKey()
	if _, ok := s.images[key]; ok {
		return
	}
	digest := c.After.Status.ImageDigest
	i := s.add(plan.OpImage, "")
	s.steps[i].Image = &plan.Image{Namespace: key.Namespace, Reference: key.Reference, Digest: digest, Pull: s.in.Actual.Images[key].Local != digest}
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
			s.waits = append(s.waits, [2]int{i, s.images[c.ImageKey()]})
			s.waitForVolumes(i, c.After.Spec.(*resource.Container))
			s.prepared[c.Path] = i
			return
		}
	}
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

// record returns the record of p as it will be, or nil.
func (s *stepper) record(p resource.Path) *state.Record {
	if c := s.changes[p]; c != nil {
		return c.After
	}
	return s.in.Prior.Records[p]
}

// goes reports whether the resource at p is deleted.
func (s *stepper) goes(p resource.Path) bool {
	c := s.changes[p]
	return c != nil && c.Action == plan.Delete
}

// inPlace reports whether a container goes on running through its change.
func inPlace(c *plan.Change) bool {
	return c == nil || c.Action == plan.Update && !c.Start || c.Action == plan.Check
}

// sort returns the steps in a stable order in which they can be carried out, with the numbers of those that they wait for.
func (s *stepper) sort() ([]plan.Step, error) {
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
		return nil, errors.New(strings.Join(names, " → "))
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
	steps := make([]plan.Step, len(order)) // never null as JSON
	for at, i := range order {
		slices.Sort(after[at])
		steps[at] = s.steps[i]
		steps[at].After = after[at]
	}
	return steps, nil
}
