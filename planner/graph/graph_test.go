package graph

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

func graphOf(n int, waits ...[2]int) *Graph {
	g := New(n)
	for _, w := range waits {
		g.Wait(w[0], w[1])
	}
	return g
}

func TestOrder(t *testing.T) {
	tests := []struct {
		name  string
		graph *Graph
		want  []int
		cycle []int
	}{
		{name: "empty", graph: New(0), want: []int{}},
		{name: "no edges", graph: New(3), want: []int{0, 1, 2}},
		{name: "reversed", graph: graphOf(3, [2]int{0, 1}, [2]int{1, 2}), want: []int{2, 1, 0}},
		{name: "smallest first", graph: graphOf(4, [2]int{0, 3}), want: []int{1, 2, 3, 0}},
		{name: "edge given twice", graph: graphOf(2, [2]int{0, 1}, [2]int{0, 1}), want: []int{1, 0}},
		{name: "itself", graph: graphOf(2, [2]int{1, 1}), cycle: []int{1}},
		{name: "cycle behind a tail", graph: graphOf(4, [2]int{0, 1}, [2]int{1, 2}, [2]int{2, 3}, [2]int{3, 1}), cycle: []int{1, 2, 3}},
		{name: "cycle before a tail", graph: graphOf(4, [2]int{1, 0}, [2]int{1, 2}, [2]int{2, 1}, [2]int{3, 2}), cycle: []int{1, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.graph.Order()
			var cycle *CycleError
			if errors.As(err, &cycle) != (tt.cycle != nil) || cycle != nil && !slices.Equal(cycle.Nodes, tt.cycle) {
				t.Fatalf("Order: %v, want a cycle %v", err, tt.cycle)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Order = %v, want %v", got, tt.want)
			}
		})
	}
}

type edges [][2]int

// acyclic draws a graph whose edges go from nodes to earlier ones of some permutation.
func acyclic(t *rapid.T) (*Graph, edges) {
	n := rapid.IntRange(1, 12).Draw(t, "nodes")
	rank := rapid.Permutation(sequence(n)).Draw(t, "rank")
	var es edges
	for _, e := range rapid.SliceOfN(rapid.Custom(func(t *rapid.T) [2]int {
		return [2]int{rapid.IntRange(0, n-1).Draw(t, "from"), rapid.IntRange(0, n-1).Draw(t, "to")}
	}), 0, 2*n).Draw(t, "edges") {
		if rank[e[0]] > rank[e[1]] {
			es = append(es, e)
		}
	}
	return graphOf(n, es...), es
}

func sequence(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func TestOrderIsTopologicalAndStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, es := acyclic(t)
		order, err := g.Order()
		if err != nil {
			t.Fatal(err)
		}
		sorted := slices.Clone(order)
		slices.Sort(sorted)
		if !slices.Equal(sorted, sequence(g.Len())) {
			t.Fatalf("%v does not hold each of %d nodes once", order, g.Len())
		}
		for at, node := range order {
			for _, e := range es {
				if e[0] == node && slices.Index(order, e[1]) > at {
					t.Fatalf("%d stands before %d, for which it waits: %v", node, e[1], order)
				}
			}
			// Of all that could stand here the smallest does.
			for other := range node {
				free := !slices.Contains(order[:at], other)
				for _, e := range es {
					free = free && (e[0] != other || slices.Contains(order[:at], e[1]))
				}
				if free {
					t.Fatalf("%d stands where %d could: %v", node, other, order)
				}
			}
		}
		// The order of the edges means nothing.
		again, err := graphOf(g.Len(), rapid.Permutation(es).Draw(t, "other order of edges")...).Order()
		if err != nil || !slices.Equal(order, again) {
			t.Fatalf("%v, then %v, %v", order, again, err)
		}
	})
}

func TestOrderFindsACycle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, es := acyclic(t)
		members := rapid.SliceOfNDistinct(rapid.IntRange(0, g.Len()-1), 1, -1, rapid.ID).Draw(t, "cycle")
		for i, m := range members {
			e := [2]int{m, members[(i+1)%len(members)]}
			es = append(es, e)
			g.Wait(e[0], e[1])
		}
		order, err := g.Order()
		var cycle *CycleError
		if order != nil || !errors.As(err, &cycle) || len(cycle.Nodes) == 0 {
			t.Fatalf("Order = %v, %v", order, err)
		}
		for i, m := range cycle.Nodes {
			if next := cycle.Nodes[(i+1)%len(cycle.Nodes)]; !slices.Contains(es, [2]int{m, next}) {
				t.Fatalf("%v is no cycle: %d does not wait for %d", cycle.Nodes, m, next)
			}
		}
	})
}

func TestWalk(t *testing.T) {
	broken := errors.New("broken")
	rapid.Check(t, func(t *rapid.T) {
		g, es := acyclic(t)
		parallel := rapid.IntRange(0, 4).Draw(t, "parallel")
		fails := rapid.SliceOfN(rapid.Bool(), g.Len(), g.Len()).Draw(t, "fails")
		var mu sync.Mutex
		running, most := 0, 0
		finished := map[int]bool{}
		results := g.Walk(context.Background(), WalkOptions{Parallel: parallel}, func(_ context.Context, node int) error {
			mu.Lock()
			defer mu.Unlock()
			running++
			most = max(most, running)
			for _, e := range es {
				if e[0] == node && !finished[e[1]] {
					t.Errorf("%d is visited before %d, for which it waits", node, e[1])
				}
			}
			mu.Unlock()
			mu.Lock()
			running--
			if fails[node] {
				return broken
			}
			finished[node] = true
			return nil
		})
		if most > max(parallel, 1) {
			t.Fatalf("%d visits at once, %d are allowed", most, parallel)
		}
		checkResults(t, g, es, fails, broken, results)
	})
}

// checkResults compares results with the expected outcome of each node: it fails by itself, is blocked by a failed
// node it waits for, or is done.
func checkResults(t *rapid.T, g *Graph, es edges, fails []bool, broken error, results []Result) {
	if len(results) != g.Len() {
		t.Fatalf("%d results for %d nodes", len(results), g.Len())
	}
	order, err := g.Order()
	if err != nil {
		t.Fatal(err)
	}
	blockers := map[int][]int{} // the failed nodes that each waits for
	for _, node := range order {
		for _, e := range es {
			if e[0] != node {
				continue
			}
			blockers[node] = append(blockers[node], blockers[e[1]]...)
			if fails[e[1]] && len(blockers[e[1]]) == 0 {
				blockers[node] = append(blockers[node], e[1])
			}
		}
		r := results[node]
		switch {
		case len(blockers[node]) > 0:
			if r.Visited || r.Err != nil || !slices.Contains(blockers[node], r.Blocker) {
				t.Fatalf("node %d: %+v, want a blocker out of %v", node, r, blockers[node])
			}
		case !r.Visited || r.Blocker != -1 || errors.Is(r.Err, broken) != fails[node] || !fails[node] && r.Err != nil:
			t.Fatalf("node %d: %+v, fails: %v", node, r, fails[node])
		}
	}
}

// All that is free runs at once, up to the limit: each visit waits until as many as allowed have begun.
func TestWalkIsParallel(t *testing.T) {
	const nodes, parallel = 9, 3
	var begun atomic.Int32
	var arrived sync.WaitGroup
	arrived.Add(parallel)
	for _, r := range New(nodes).Walk(context.Background(), WalkOptions{Parallel: parallel}, func(context.Context, int) error {
		if begun.Add(1) <= parallel {
			arrived.Done()
		}
		arrived.Wait() // forever, if fewer than parallel run at once
		return nil
	}) {
		if !r.Visited {
			t.Error("a node was not visited")
		}
	}
}

func TestWalkStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	// 0 and 1 run at once; 0 ends the context while 1 is under way, which must be waited for.
	begun, cancelled := make(chan struct{}), make(chan struct{})
	oneDone := false
	results := graphOf(5, [2]int{3, 0}, [2]int{4, 1}).Walk(ctx, WalkOptions{Parallel: 2}, func(_ context.Context, node int) error {
		switch node {
		case 0:
			<-begun
			cancel()
			close(cancelled)
		case 1:
			close(begun)
			<-cancelled
			oneDone = true
		}
		return nil
	})
	if !oneDone {
		t.Error("Walk did not wait for a visit under way")
	}
	for node, r := range results {
		if r.Visited != (node < 2) || r.Blocker != -1 || r.Err != nil {
			t.Errorf("node %d: %+v", node, r)
		}
	}

	for node, r := range New(2).Walk(ctx, WalkOptions{Parallel: 2}, func(context.Context, int) error { t.Error("visited"); return nil }) {
		if r.Visited || r.Blocker != -1 {
			t.Errorf("context over from the start: node %d: %+v", node, r)
		}
	}
}

// After an interrupt, the nodes that a begun visit is committed to are visited with all that they wait for, and no others.
func TestWalkFinishesWhatItIsCommittedTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, es := acyclic(t)
		commits := make([][]int, g.Len())
		for _, e := range es {
			if rapid.Bool().Draw(t, "commits") {
				commits[e[1]] = append(commits[e[1]], e[0])
			}
		}
		interrupt := make(chan struct{})
		after := rapid.IntRange(0, g.Len()-1).Draw(t, "interrupted in visit")
		var mu sync.Mutex
		var order []int
		parallel := rapid.IntRange(1, 3).Draw(t, "parallel")
		results := g.Walk(context.Background(), WalkOptions{Parallel: parallel, Interrupt: interrupt, Commits: commits}, func(_ context.Context, node int) error {
			mu.Lock()
			defer mu.Unlock()
			if order = append(order, node); len(order) == after+1 {
				close(interrupt)
			}
			return nil
		})
		owed := map[int]bool{}
		var owe func(nodes []int)
		owe = func(nodes []int) {
			for _, node := range nodes {
				if !owed[node] {
					owed[node] = true
					owe(g.waits[node])
					owe(commits[node])
				}
			}
		}
		for _, node := range order {
			owe(commits[node])
		}
		for node, r := range results {
			if owed[node] && !r.Visited {
				t.Fatalf("%d was not visited, after the visits %v", node, order)
			}
		}
		// Those that run beside the visit which is interrupted may have begun before.
		beside := 0
		for _, node := range order[after+1:] {
			if !owed[node] {
				beside++
			}
		}
		if beside > parallel {
			t.Fatalf("%d were begun after the interrupt, in %v", beside, order)
		}
	})
}

func TestWalkInterruptEndsWaits(t *testing.T) {
	// 0 commits to 1, which runs by then; 2 is nobody's.
	interrupt, begun, ended := make(chan struct{}), make(chan struct{}, 2), make(chan struct{})
	g := New(4)
	results := g.Walk(context.Background(), WalkOptions{Parallel: 3, Interrupt: interrupt, Commits: [][]int{{1}, nil, nil, nil}}, func(ctx context.Context, node int) error {
		switch node {
		case 0:
			<-begun
			<-begun
			close(interrupt)
			return nil
		case 1:
			begun <- struct{}{}
			<-ended
			return ctx.Err()
		default:
			begun <- struct{}{}
			<-ctx.Done()
			close(ended)
			return ctx.Err()
		}
	})
	if results[1].Err != nil || !errors.Is(results[2].Err, context.Canceled) || results[3].Visited {
		t.Errorf("%+v", results)
	}
}
