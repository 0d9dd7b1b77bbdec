package graph

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// reachable returns all that the node waits for, directly or not.
func reachable(edges [][]int, node int) []int {
	var found []int
	for todo := slices.Clone(edges[node]); len(todo) > 0; todo = todo[1:] {
		if !slices.Contains(found, todo[0]) {
			found = append(found, todo[0])
			todo = append(todo, edges[todo[0]]...)
		}
	}
	slices.Sort(found)
	return found
}

// What is left says the same as all of it, and without any one edge it would not.
func TestReduced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, _ := acyclic(t)
		reduced, err := g.Reduced()
		if err != nil {
			t.Fatal(err)
		}
		for node := range g.Len() {
			if got, want := reachable(reduced, node), reachable(g.waits, node); !slices.Equal(got, want) {
				t.Fatalf("%d waits for %v, not %v", node, got, want)
			}
			for i, on := range reduced[node] {
				less := slices.Clone(reduced)
				less[node] = slices.Delete(slices.Clone(reduced[node]), i, i+1)
				if slices.Contains(reachable(less, node), on) {
					t.Fatalf("%d waits for %d through another as well: %v", node, on, reduced)
				}
			}
		}
	})
	_, err := graphOf(2, [2]int{0, 1}, [2]int{1, 0}).Reduced()
	if cycle := (&CycleError{}); !errors.As(err, &cycle) {
		t.Errorf("a cycle: %v", err)
	}
}
