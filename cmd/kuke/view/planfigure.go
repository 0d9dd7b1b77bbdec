package view

import (
	"fmt"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// mostNodes is the maximum number of nodes of the drawing on a page. Of more steps it draws the resources, cells, stacks, spaces
// or realms that they belong to.
const mostNodes = 150

// planFigure draws the steps of a plan for its page; nil where there are none, or too many. The nodes link to their changes, or
// to the closest of the branches that the page has.
func planFigure(p *plan.Plan, branches map[resource.Path]*branch) (*figure, error) {
	if len(p.Steps) == 0 {
		return nil, nil
	}
	d := stepDrawing(p)
	d.title = plural(len(p.Steps), "step")
	changes := p.ChangesByPath()
	for i, s := range p.Steps {
		d.nodes[i].link = changeLink(changes, s.Path)
	}
	for depth := len(resource.Kinds); len(d.nodes) > mostNodes; depth-- {
		if depth == 0 {
			return nil, nil
		}
		d = groupDrawing(p, depth, branches)
	}
	edges, err := d.reduced(nil)
	if err != nil {
		return nil, err
	}
	return d.figure(edges)
}

// groupDrawing draws the steps of a plan by the resources of that depth that they belong to. A resource waits for those that it
// has a step waiting for, of which the first step comes before its own first step: both may wait for each other.
func groupDrawing(p *plan.Plan, depth int, branches map[resource.Path]*branch) *drawing {
	d := &drawing{edges: map[edge][]string{}}
	at := map[string]int{}
	groups := make([]int, len(p.Steps))
	var steps []int
	for i, s := range p.Steps {
		n := groupNode(s, depth, branches)
		g, ok := at[n.name()]
		if !ok {
			g = len(d.nodes)
			at[n.name()] = g
			d.nodes, steps = append(d.nodes, n), append(steps, 0)
		}
		groups[i] = g
		steps[g]++
		d.nodes[g].class = worse(d.nodes[g].class, string(stepClass[s.Op]))
		for _, on := range s.After {
			if groups[on] < g {
				d.edges[edge{g, groups[on]}] = nil
			}
		}
	}
	for g := range d.nodes {
		d.nodes[g].tail = ", " + plural(steps[g], "step")
	}
	d.title = fmt.Sprintf("%s of %s", plural(len(p.Steps), "step"), plural(len(d.nodes), "group"))
	return d
}

// groupNode returns the node of the resource of that depth that a step belongs to.
func groupNode(s plan.Step, depth int, branches map[resource.Path]*branch) node {
	if s.Op == plan.OpImage {
		return node{head: "images", text: s.Image.Namespace}
	}
	path := s.Path
	for path.Depth() > depth {
		path = path.Parent()
	}
	n := node{head: path.Kind().Lower(), text: string(path)}
	for ; path != "" && branches[path] == nil; path = path.Parent() {
	}
	if path != "" {
		n.link = "#_" + string(path)
	}
	return n
}

// worse returns the class of two that a reviewer is to look at first.
func worse(a, b string) string {
	for _, c := range []class{classDelete, classChange, classAdd} {
		if a == string(c) || b == string(c) {
			return string(c)
		}
	}
	return ""
}

// changeLink refers to the change of a resource on the page of a plan; empty where it has none.
func changeLink(changes map[resource.Path]*plan.Change, p resource.Path) string {
	if changes[p] == nil {
		return ""
	}
	return "#" + string(p)
}
