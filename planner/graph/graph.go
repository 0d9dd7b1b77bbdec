// Package graph orders things that wait for one another, and visits them in parallel.
//
// It knows nothing of resources: nodes are the integers from 0 up, so that a graph is as easily saved as a
// list. The order it gives is stable: the same graph always gives the same order.
package graph

import (
	"container/heap"
	"context"
	"fmt"
	"slices"
	"sync"
)

// Graph is a directed graph whose edges mean "waits for".
type Graph struct {
	waits [][]int
}

// New returns a graph of n nodes and no edges.
func New(n int) *Graph { return &Graph{waits: make([][]int, n)} }

// Len returns the number of nodes.
func (g *Graph) Len() int { return len(g.waits) }

// Wait adds the edge "node waits for on". Adding an edge again changes nothing.
func (g *Graph) Wait(node, on int) {
	if !slices.Contains(g.waits[node], on) {
		g.waits[node] = append(g.waits[node], on)
	}
}

// CycleError says that nodes wait for each other: each waits for the next, the last for the first.
type CycleError struct{ Nodes []int }

func (e *CycleError) Error() string {
	return fmt.Sprintf("graph has a cycle through nodes %v", e.Nodes)
}

type minHeap []int

func (h minHeap) Len() int           { return len(h) }
func (h minHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h minHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *minHeap) Push(x any)        { *h = append(*h, x.(int)) }
func (h *minHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

// pending counts for each node the nodes it still waits for, and lists who waits for it.
func (g *Graph) pending() (counts []int, waiters [][]int) {
	counts, waiters = make([]int, len(g.waits)), make([][]int, len(g.waits))
	for node, on := range g.waits {
		counts[node] = len(on)
		for _, o := range on {
			waiters[o] = append(waiters[o], node)
		}
	}
	return counts, waiters
}

// Order returns all nodes so that each stands after those it waits for, and otherwise by number. If that
// can't be it returns a [*CycleError] with one cycle.
func (g *Graph) Order() ([]int, error) {
	counts, waiters := g.pending()
	ready := &minHeap{}
	for node, n := range counts {
		if n == 0 {
			heap.Push(ready, node)
		}
	}
	order := make([]int, 0, len(g.waits))
	for ready.Len() > 0 {
		node := heap.Pop(ready).(int)
		order = append(order, node)
		for _, w := range waiters[node] {
			if counts[w]--; counts[w] == 0 {
				heap.Push(ready, w)
			}
		}
	}
	if len(order) < len(g.waits) {
		return nil, &CycleError{Nodes: g.cycle(counts)}
	}
	return order, nil
}

// cycle walks along nodes that are still pending until one comes again.
func (g *Graph) cycle(counts []int) []int {
	node := slices.IndexFunc(counts, func(n int) bool { return n > 0 })
	var trail []int
	for {
		if i := slices.Index(trail, node); i >= 0 {
			return trail[i:]
		}
		trail = append(trail, node)
		next := slices.IndexFunc(g.waits[node], func(o int) bool { return counts[o] > 0 })
		node = g.waits[node][next]
	}
}

// Result is what became of a node in [Graph.Walk].
type Result struct {
	// Visited says that visit was called; Err is what it returned.
	Visited bool
	Err     error
	// Blocker is the failed node that kept this one from being visited, or -1.
	Blocker int
}

// Walk calls visit for every node after those it waits for, at most parallel at once, and returns what
// became of each. Nodes that wait, even indirectly, for one whose visit failed are not visited; neither is
// any further node once ctx is done, while visits under way are waited for. The graph must have no cycle.
func (g *Graph) Walk(ctx context.Context, parallel int, visit func(node int) error) []Result {
	w := &walk{results: make([]Result, len(g.waits)), done: make(chan int), visit: visit}
	w.counts, w.waiters = g.pending()
	for node := range w.results {
		w.results[node].Blocker = -1
		if w.counts[node] == 0 {
			heap.Push(&w.ready, node)
		}
	}
	running := 0
	for {
		for ctx.Err() == nil && running < max(parallel, 1) && w.ready.Len() > 0 {
			w.start(heap.Pop(&w.ready).(int))
			running++
		}
		if running == 0 {
			break
		}
		w.finish(<-w.done)
		running--
	}
	w.wg.Wait()
	return w.results
}

type walk struct {
	counts  []int
	waiters [][]int
	ready   minHeap
	results []Result
	done    chan int
	visit   func(int) error
	wg      sync.WaitGroup
}

func (w *walk) start(node int) {
	w.results[node].Visited = true
	w.wg.Go(func() {
		// Only this goroutine touches the result until it says so on the channel.
		w.results[node].Err = w.visit(node)
		w.done <- node
	})
}

func (w *walk) finish(node int) {
	blocker := w.results[node].Blocker
	if w.results[node].Err != nil {
		blocker = node
	}
	for _, waiter := range w.waiters[node] {
		if blocker >= 0 && w.results[waiter].Blocker < 0 {
			w.results[waiter].Blocker = blocker
		}
		if w.counts[waiter]--; w.counts[waiter] > 0 {
			continue
		}
		if w.results[waiter].Blocker >= 0 {
			w.finish(waiter)
		} else {
			heap.Push(&w.ready, waiter)
		}
	}
}
