package view

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/graph"
	"github.com/kukeon/kuke/planner/plan"
)

// GraphFormats are the languages that graphs are drawn in.
var GraphFormats = []string{"dot", "mermaid", "svg"}

// drawing is a graph with its texts.
type drawing struct {
	title string
	nodes []node
	edges map[edge][]string // with their labels
}

// node is a resource, a step, or several ones. Its text tells it from others of the same head: a path or a reference.
type node struct {
	head, text, tail string
	// class is the look of the node in a drawing: that of the lines of a plan, or external.
	class string
	// link refers to an element of the page that the drawing is a part of.
	link string
}

// external is the class of resources that are managed elsewhere.
const external = "external"

func (n node) name() string { return n.head + " " + n.text + n.tail }

// edge goes from a node to one that it waits for.
type edge struct{ from, to int }

// Dependencies draws the dependencies between the resources of a configuration, in one of the [GraphFormats].
func (v *View) Dependencies(tree *resource.Tree, format string) error {
	d := &drawing{title: "dependencies of the resources", edges: map[edge][]string{}}
	place := map[resource.Path]int{}
	at := func(p resource.Path) int {
		i, ok := place[p]
		if !ok {
			i = len(d.nodes)
			place[p] = i
			r := tree.Resource(p)
			n := node{head: p.Kind().Lower(), text: string(p)}
			if r == nil || r.External {
				n.class = external
			}
			d.nodes = append(d.nodes, n)
		}
		return i
	}
	kept := map[edge]bool{} // because of their labels
	for _, r := range tree.Resources() {
		at(r.Path)
	}
	for _, dependency := range tree.Edges() {
		e, why := edge{at(dependency.Path), at(dependency.On)}, dependency.Why
		if dependency.Condition != "" {
			why += ": " + string(dependency.Condition)
			kept[e] = true
		}
		labels := d.edges[e]
		if why != "" {
			labels = append(labels, why)
		}
		d.edges[e] = labels
	}
	return v.draw(d, kept, format)
}

// Steps draws the steps of a plan, each with the steps that it waits for, in one of the [GraphFormats].
func (v *View) Steps(p *plan.Plan, format string) error {
	return v.draw(stepDrawing(p), nil, format)
}

func stepDrawing(p *plan.Plan) *drawing {
	d := &drawing{title: "steps of the plan", edges: map[edge][]string{}}
	for i, s := range p.Steps {
		n := node{head: string(s.Op), class: string(stepClass[s.Op])}
		if s.Op == plan.OpImage {
			n.text, n.tail = s.Image.Reference, " in "+s.Image.Namespace
		} else {
			n.head += " " + s.Path.Kind().Lower()
			n.text = string(s.Path)
		}
		d.nodes = append(d.nodes, n)
		for _, on := range s.After {
			d.edges[edge{i, on}] = nil
		}
	}
	return d
}

// stepClass is the look of the operations that change or end a resource.
var stepClass = map[plan.Op]class{
	plan.OpCreate: classAdd, plan.OpAdopt: classAdd, plan.OpDelete: classDelete, plan.OpKill: classDelete,
	plan.OpUpdate: classChange, plan.OpStop: classChange, plan.OpPause: classChange, plan.OpForget: classChange,
}

// reduced returns the edges in order, without those that other edges imply.
func (d *drawing) reduced(kept map[edge]bool) ([]edge, error) {
	g := graph.New(len(d.nodes))
	edges := slices.SortedFunc(maps.Keys(d.edges), func(a, b edge) int { return cmp.Or(a.from-b.from, a.to-b.to) })
	for _, e := range edges {
		g.Wait(e.from, e.to)
	}
	needed, err := g.Reduced()
	if err != nil {
		return nil, fmt.Errorf("draw the graph: %w", err)
	}
	return slices.DeleteFunc(edges, func(e edge) bool { return !kept[e] && !slices.Contains(needed[e.from], e.to) }), nil
}

func (v *View) draw(d *drawing, kept map[edge]bool, format string) error {
	edges, err := d.reduced(kept)
	if err != nil {
		return err
	}
	var b strings.Builder
	switch format {
	case "svg":
		if err := d.svg(&b, edges); err != nil {
			return err
		}
	case "mermaid":
		d.mermaid(&b, edges)
	default:
		d.dot(&b, edges)
	}
	v.printf("%s", b.String())
	return nil
}

// dot writes the graph in the language of Graphviz, https://graphviz.org/doc/info/lang.html.
func (d *drawing) dot(b *strings.Builder, edges []edge) {
	quote := func(s string) string {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(visible(s)) + `"`
	}
	b.WriteString("digraph kuke {\n  rankdir = \"RL\";\n  node [shape = \"box\"];\n")
	for _, n := range d.nodes {
		style := ""
		if n.class == external {
			style = ` [style = "dashed"]`
		}
		fmt.Fprintf(b, "  %s%s;\n", quote(n.name()), style)
	}
	for _, e := range edges {
		label := strings.Join(d.edges[e], ", ")
		if label != "" {
			label = " [label = " + quote(label) + "]"
		}
		fmt.Fprintf(b, "  %s -> %s%s;\n", quote(d.nodes[e.from].name()), quote(d.nodes[e.to].name()), label)
	}
	b.WriteString("}\n")
}

// mermaid writes the graph as a flowchart, https://mermaid.js.org/syntax/flowchart.html.
func (d *drawing) mermaid(b *strings.Builder, edges []edge) {
	quote := func(s string) string { return `"` + strings.ReplaceAll(visible(s), `"`, "#quot;") + `"` }
	b.WriteString("flowchart RL\n")
	for i, n := range d.nodes {
		fmt.Fprintf(b, "  n%d[%s]\n", i, quote(n.name()))
		if n.class == external {
			fmt.Fprintf(b, "  style n%d stroke-dasharray: 5 5\n", i)
		}
	}
	for _, e := range edges {
		label := strings.Join(d.edges[e], ", ")
		if label != "" {
			label = "|" + quote(label) + "|"
		}
		fmt.Fprintf(b, "  n%d -->%s n%d\n", e.from, label, e.to)
	}
}
