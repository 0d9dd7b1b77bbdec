// Package layered places the nodes of a graph in layers from the left to the right, and draws its edges around them, by the
// method of Sugiyama, Tagawa and Toda (1981). It knows sizes, and neither texts nor colours. The same graph always gives the
// same drawing.
package layered

import (
	"fmt"
	"math"
	"slices"

	"github.com/kukeon/kuke/planner/graph"
)

// Gaps between the boxes, in the unit of their sizes.
const (
	// LayerGap is the least horizontal distance of two layers, NodeGap the vertical one of two boxes of a layer.
	LayerGap = 48.0
	NodeGap  = 12.0
	// Between the layers are up to widestGap where the curves rise more than steepness times their width.
	widestGap, steepness = 240.0, 8.0
	// bendHeight is the height that an edge takes up in a layer that it passes.
	bendHeight = 4.0
)

// Box is a node, or the label of an edge: its size, and the upper left corner that [Graph.Layout] gives it.
type Box struct{ Width, Height, X, Y float64 }

// Point is a place of the drawing; Y grows downwards.
type Point struct{ X, Y float64 }

// Edge leads from a node to another one, in a later layer.
type Edge struct {
	From, To int
	// Label is the box of a text in the middle of the edge, of no width where the edge has none.
	Label Box
	// Points lead from the right side of From to the left side of To. Between two points of the same height is a straight
	// line, and between two others no box, so that the edge may be a curve there.
	Points []Point
}

// Graph holds the nodes and the edges of a drawing. Their sizes are the input of [Graph.Layout], their places its result.
type Graph struct {
	Boxes []Box
	Edges []Edge
	// Layers are the layers of the boxes, from 0.
	Layers []int
	// Width and Height are the size of the drawing, whose upper left corner is at 0.
	Width, Height float64
}

// node is a box, or the place in which an edge passes a layer.
type node struct {
	box   *Box
	layer int
	// before and after are the nodes of the adjacent layers that edges connect it with.
	before, after []int
	// bend says that the node is no box but a place of an edge.
	bend bool
	// center is the vertical place of its middle.
	center float64
}

type layout struct {
	nodes []node
	// layers hold the nodes of each layer, from the top down, and places each node's index there.
	layers [][]int
	places []int
}

// Layout places the boxes and the edges. The error is a [*graph.CycleError].
func (g *Graph) Layout() error {
	l := &layout{nodes: make([]node, len(g.Boxes))}
	if err := l.rank(g); err != nil {
		return fmt.Errorf("place the nodes of the graph: %w", err)
	}
	chains := l.chain(g)
	l.fill()
	l.order()
	l.settle()
	g.place(l, chains)
	return nil
}

// rank gives each node the layer after the last one that it has an edge from. A node that has more edges to later nodes moves
// towards these.
func (l *layout) rank(g *Graph) error {
	length := 1 // of an edge, in layers
	waits := graph.New(len(g.Boxes))
	before, after := make([][]int, len(g.Boxes)), make([][]int, len(g.Boxes))
	for _, e := range g.Edges {
		waits.Wait(e.To, e.From)
		before[e.To], after[e.From] = append(before[e.To], e.From), append(after[e.From], e.To)
		if e.Label.Width > 0 {
			length = 2 // the label has a layer of its own
		}
	}
	order, err := waits.Order()
	if err != nil {
		return err
	}
	for _, n := range order {
		l.nodes[n].box = &g.Boxes[n]
		for _, m := range before[n] {
			l.nodes[n].layer = max(l.nodes[n].layer, l.nodes[m].layer+length)
		}
	}
	for _, n := range slices.Backward(order) {
		if len(after[n]) <= len(before[n]) {
			continue
		}
		first := slices.MinFunc(after[n], func(a, b int) int { return l.nodes[a].layer - l.nodes[b].layer })
		l.nodes[n].layer = l.nodes[first].layer - length
	}
	return nil
}

// chain connects the nodes, with a bend in each layer that an edge passes. It returns the bends of each edge.
func (l *layout) chain(g *Graph) [][]int {
	chains := make([][]int, len(g.Edges))
	for i := range g.Edges {
		e := &g.Edges[i]
		from, to := l.nodes[e.From].layer, l.nodes[e.To].layer
		last := e.From
		for layer := from + 1; layer < to; layer++ {
			bend := node{box: &Box{Height: bendHeight}, layer: layer, bend: true}
			if layer == (from+to)/2 && e.Label.Width > 0 {
				bend.box = &e.Label
			}
			l.nodes = append(l.nodes, bend)
			chains[i] = append(chains[i], len(l.nodes)-1)
			l.connect(last, len(l.nodes)-1)
			last = len(l.nodes) - 1
		}
		l.connect(last, e.To)
	}
	return chains
}

func (l *layout) connect(from, to int) {
	l.nodes[from].after = append(l.nodes[from].after, to)
	l.nodes[to].before = append(l.nodes[to].before, from)
}

// fill puts the nodes into their layers, those that are connected next to each other.
func (l *layout) fill() {
	seen := make([]bool, len(l.nodes))
	l.places = make([]int, len(l.nodes))
	for first := range l.nodes {
		for todo := []int{first}; len(todo) > 0; {
			n := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if seen[n] {
				continue
			}
			seen[n] = true
			layer := l.nodes[n].layer
			for len(l.layers) <= layer {
				l.layers = append(l.layers, nil)
			}
			l.layers[layer] = append(l.layers[layer], n)
			for _, next := range [][]int{l.nodes[n].before, l.nodes[n].after} {
				for _, m := range slices.Backward(next) {
					todo = append(todo, m)
				}
			}
		}
	}
	for _, layer := range l.layers {
		l.number(layer)
	}
}

// place sets the results.
func (g *Graph) place(l *layout, chains [][]int) {
	g.Width, g.Height = 0, 0
	left, right := make([]float64, len(l.layers)), make([]float64, len(l.layers))
	top := 0.0
	for i, layer := range l.layers {
		highest := 0.0 // of the curves to the layer before
		for _, n := range layer {
			for _, m := range l.nodes[n].before {
				highest = max(highest, math.Abs(l.nodes[n].center-l.nodes[m].center))
			}
			right[i] = max(right[i], l.nodes[n].box.Width)
			top = min(top, l.nodes[n].center-l.nodes[n].box.Height/2)
		}
		if i > 0 {
			left[i] = right[i-1] + min(max(LayerGap, highest/steepness), widestGap)
		}
		right[i] += left[i]
		g.Width = right[i]
	}
	for i := range l.nodes {
		n := &l.nodes[i]
		n.center -= top
		n.box.X, n.box.Y = left[n.layer], n.center-n.box.Height/2
		g.Height = max(g.Height, n.box.Y+n.box.Height)
	}
	g.Layers = make([]int, len(g.Boxes))
	for i := range g.Boxes {
		g.Layers[i] = l.nodes[i].layer
	}
	for i := range g.Edges {
		e := &g.Edges[i]
		from, to := l.nodes[e.From], l.nodes[e.To]
		e.Points = []Point{{from.box.X + from.box.Width, from.center}, {right[from.layer], from.center}}
		for _, n := range chains[i] {
			bend := l.nodes[n]
			e.Points = append(e.Points, Point{left[bend.layer], bend.center}, Point{right[bend.layer], bend.center})
		}
		e.Points = append(e.Points, Point{to.box.X, to.center})
	}
}
