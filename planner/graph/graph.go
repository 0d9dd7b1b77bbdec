// Package graph orders nodes that wait for one another, and visits them in parallel.
//
// Nodes are the integers from 0 up, not resources, so that a graph can be saved as a list. The order is stable: the same
// graph always gives the same order.
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

// CycleError reports a dependency cycle: each node waits for the next, the last for the first.
type CycleError struct{ Nodes []int }

func (e *CycleError) Error() string {
	return fmt.Sprintf("the graph has a cycle through nodes %v", e.Nodes)
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

// pending counts for each node the nodes it still waits for, and lists the nodes that wait for it.
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

// Order returns all nodes so that each follows those it waits for, and otherwise by number. If there is a cycle it
// returns a [*CycleError] with one cycle.
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

// cycle walks along pending nodes until one repeats.
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

// Result is the outcome of a node in [Graph.Walk].
type Result struct {
	// Visited says that visit was called; Err is its error.
	Visited bool
	Err     error
	// Blocker is the failed node that kept this one from being visited, or -1.
	Blocker int
}

// WalkOptions limit [Graph.Walk].
type WalkOptions struct {
	// Parallel is the maximum number of concurrent visits, at least 1.
	Parallel int
	// Interrupt, once closed, keeps further nodes from being visited, except those that a visit which has begun is committed
	// to; nil is never closed.
	Interrupt <-chan struct{}
	// Commits holds, for each node, the nodes that must be visited once its own visit has begun, with all nodes that those
	// wait for and commit to; nil where no node has any.
	Commits [][]int
}

// Walk calls visit for every node after those it waits for, and returns the result of each. Nodes that wait, even
// indirectly, for a node whose visit failed are not visited. Once ctx is done no further node is visited; Walk waits for
// the running visits. The context of a visit ends with ctx and, for a node that no other is committed to, also with
// [WalkOptions.Interrupt]. The graph must have no cycle.
func (g *Graph) Walk(ctx context.Context, o WalkOptions, visit func(ctx context.Context, node int) error) []Result {
	n := len(g.waits)
	w := &walk{
		graph: g, commits: o.Commits, results: make([]Result, n), done: make(chan int), visit: visit,
		ready: make([]bool, n), committed: make([]bool, n), running: map[int]context.CancelFunc{},
	}
	w.counts, w.waiters = g.pending()
	for node := range w.results {
		w.results[node].Blocker = -1
		if w.counts[node] == 0 {
			w.push(node)
		}
	}
	interrupt := o.Interrupt
	for {
		select {
		case <-interrupt:
			interrupt, w.interrupted = nil, true
			w.cancelOthers()
		default:
		}
		for ctx.Err() == nil && len(w.running) < max(o.Parallel, 1) {
			node, ok := w.next()
			if !ok {
				break
			}
			w.start(ctx, node)
		}
		if len(w.running) == 0 {
			break
		}
		select {
		case <-interrupt: // above
		case node := <-w.done:
			w.running[node]()
			delete(w.running, node)
			w.finish(node)
		}
	}
	w.wg.Wait()
	return w.results
}

type walk struct {
	graph   *Graph
	commits [][]int
	counts  []int
	waiters [][]int
	results []Result
	done    chan int
	visit   func(context.Context, int) error
	wg      sync.WaitGroup
	// running holds the cancel functions of the running visits.
	running map[int]context.CancelFunc
	// ready marks the nodes that wait for no other any more. all lists them, and owed those of them that others are committed
	// to; both may hold visited nodes.
	ready       []bool
	all, owed   minHeap
	committed   []bool
	interrupted bool
}

func (w *walk) push(node int) {
	w.ready[node] = true
	heap.Push(&w.all, node)
	if w.committed[node] {
		heap.Push(&w.owed, node)
	}
}

// next returns the first node that may be visited now.
func (w *walk) next() (node int, ok bool) {
	from := &w.all
	if w.interrupted {
		from = &w.owed
	}
	for from.Len() > 0 {
		if node := heap.Pop(from).(int); !w.results[node].Visited {
			return node, true
		}
	}
	return 0, false
}

// commit marks the nodes, with all that they wait for and commit to, as to be visited even after an interrupt.
func (w *walk) commit(nodes []int) {
	for _, node := range nodes {
		if w.committed[node] {
			continue
		}
		w.committed[node] = true
		if w.ready[node] {
			heap.Push(&w.owed, node)
		}
		w.commit(w.graph.waits[node])
		w.commitAfter(node)
	}
}

func (w *walk) commitAfter(node int) {
	if w.commits != nil {
		w.commit(w.commits[node])
	}
}

// cancelOthers cancels the visits of nodes that no other is committed to.
func (w *walk) cancelOthers() {
	for node, cancel := range w.running {
		if !w.committed[node] {
			cancel()
		}
	}
}

func (w *walk) start(ctx context.Context, node int) {
	w.results[node].Visited = true
	w.commitAfter(node)
	ctx, w.running[node] = context.WithCancel(ctx)
	w.wg.Go(func() {
		// Only this goroutine touches the result until it sends on the channel.
		w.results[node].Err = w.visit(ctx, node)
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
			w.push(waiter)
		}
	}
}
