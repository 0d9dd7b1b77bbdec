package layered

import (
	"errors"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/planner/graph"
)

// acyclic draws a graph whose edges go from nodes to later ones of some permutation.
func acyclic(t *rapid.T) *Graph {
	n := rapid.IntRange(0, 30).Draw(t, "nodes")
	g := &Graph{}
	ranks := make([]int, n)
	for i := range ranks {
		ranks[i] = i
		g.Boxes = append(g.Boxes, Box{Width: rapid.Float64Range(1, 300).Draw(t, "width"), Height: rapid.Float64Range(1, 60).Draw(t, "height")})
	}
	if n == 0 {
		return g
	}
	ranks = rapid.Permutation(ranks).Draw(t, "ranks")
	for range rapid.IntRange(0, 3*n).Draw(t, "edges") {
		e := Edge{From: rapid.IntRange(0, n-1).Draw(t, "from"), To: rapid.IntRange(0, n-1).Draw(t, "to")}
		if rapid.IntRange(0, 3).Draw(t, "labelled") == 0 {
			e.Label = Box{Width: rapid.Float64Range(1, 200).Draw(t, "label"), Height: 14}
		}
		if ranks[e.From] < ranks[e.To] {
			g.Edges = append(g.Edges, e)
		}
	}
	return g
}

const tolerance = 1e-6

func (b Box) overlaps(c Box) bool {
	return b.X+tolerance < c.X+c.Width && c.X+tolerance < b.X+b.Width && b.Y+tolerance < c.Y+c.Height && c.Y+tolerance < b.Y+b.Height
}

func TestLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := acyclic(t)
		again := &Graph{Boxes: append([]Box(nil), g.Boxes...), Edges: append([]Edge(nil), g.Edges...)}
		if err := errors.Join(g.Layout(), again.Layout()); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(g, again) {
			t.Fatalf("two drawings of one graph: %v, %v", g, again)
		}
		boxes := append([]Box(nil), g.Boxes...)
		for _, e := range g.Edges {
			if e.Label.Width > 0 {
				boxes = append(boxes, e.Label)
			}
		}
		for i, b := range boxes {
			if b.X < -tolerance || b.Y < -tolerance || b.X+b.Width > g.Width+tolerance || b.Y+b.Height > g.Height+tolerance {
				t.Fatalf("%v is outside of the drawing, %v × %v", b, g.Width, g.Height)
			}
			for _, other := range boxes[:i] {
				if b.overlaps(other) {
					t.Fatalf("%v overlaps %v", b, other)
				}
			}
		}
		for _, e := range g.Edges {
			checkEdge(t, g, e, boxes)
		}
	})
}

// checkEdge checks that the edge leads to the right, from one box to the other, and around all others.
func checkEdge(t *rapid.T, g *Graph, e Edge, boxes []Box) {
	if g.Layers[e.From] >= g.Layers[e.To] {
		t.Fatalf("an edge from layer %d to layer %d", g.Layers[e.From], g.Layers[e.To])
	}
	from, to := g.Boxes[e.From], g.Boxes[e.To]
	start, end := e.Points[0], e.Points[len(e.Points)-1]
	near := func(x, y float64) bool { return math.Abs(x-y) <= tolerance }
	if !near(start.X, from.X+from.Width) || !near(start.Y, from.Y+from.Height/2) || !near(end.X, to.X) || !near(end.Y, to.Y+to.Height/2) {
		t.Fatalf("an edge from %v to %v, between %v and %v", start, end, from, to)
	}
	for i, p := range e.Points[1:] {
		last := e.Points[i]
		if p.X < last.X-tolerance {
			t.Fatalf("an edge goes back: %v", e.Points)
		}
		way := Box{X: last.X, Y: min(last.Y, p.Y), Width: p.X - last.X, Height: math.Abs(last.Y-p.Y) + 2*tolerance}
		for _, b := range boxes {
			if way.overlaps(b) && b != e.Label {
				t.Fatalf("an edge crosses %v between %v and %v", b, last, p)
			}
		}
	}
}

// A tree is drawn without crossings, and the middle of the parent is that of its children.
func TestTree(t *testing.T) {
	g := &Graph{Boxes: make([]Box, 13)}
	for i := range g.Boxes {
		g.Boxes[i] = Box{Width: 10, Height: 10}
		if i > 0 {
			g.Edges = append(g.Edges, Edge{From: (i - 1) / 3, To: i})
		}
	}
	if err := g.Layout(); err != nil {
		t.Fatal(err)
	}
	for parent := range 4 {
		first, last := g.Boxes[3*parent+1], g.Boxes[3*parent+3]
		if math.Abs((first.Y+last.Y)/2-g.Boxes[parent].Y) > 1 {
			t.Errorf("node %d is at %v, its children from %v to %v", parent, g.Boxes[parent].Y, first.Y, last.Y)
		}
	}
	if want := 9*10 + 8*NodeGap; math.Abs(g.Height-want) > 1 {
		t.Errorf("the height is %v, want %v", g.Height, want)
	}
}

// Two edges that cross in the given order don't in the drawing.
func TestCrossings(t *testing.T) {
	g := &Graph{Boxes: []Box{{Width: 1, Height: 1}, {Width: 1, Height: 1}, {Width: 1, Height: 1}, {Width: 1, Height: 1}}, Edges: []Edge{{From: 0, To: 3}, {From: 1, To: 2}}}
	if err := g.Layout(); err != nil {
		t.Fatal(err)
	}
	if (g.Boxes[0].Y < g.Boxes[1].Y) != (g.Boxes[3].Y < g.Boxes[2].Y) {
		t.Errorf("the edges cross: %v", g.Boxes)
	}
}

func TestCycle(t *testing.T) {
	g := &Graph{Boxes: make([]Box, 2), Edges: []Edge{{From: 0, To: 1}, {From: 1, To: 0}}}
	var cycle *graph.CycleError
	if err := g.Layout(); !errors.As(err, &cycle) {
		t.Errorf("a graph with a cycle: %v", err)
	}
}
