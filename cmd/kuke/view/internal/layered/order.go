package layered

import (
	"cmp"
	"slices"
)

// sweeps is the number of times that the nodes of all layers are sorted, and moved, in each direction. More make little
// difference.
const sweeps = 8

// order sorts the nodes of each layer, so that few edges cross: by the mean place of the nodes that each is connected with in
// the layer before, then in the layer after, and so on.
func (l *layout) order() {
	best, fewest := l.snapshot(), l.crossings()
	for i := 0; i < 2*sweeps && fewest > 0; i++ {
		l.sweep(i%2 == 0, func(layer []int, neighbours func(int) []int) {
			keys := make(map[int]float64, len(layer))
			for place, n := range layer {
				keys[n] = mean(neighbours(n), float64(place), func(m int) float64 { return float64(l.places[m]) })
			}
			slices.SortStableFunc(layer, func(a, b int) int { return cmp.Compare(keys[a], keys[b]) })
			l.number(layer)
		})
		if n := l.crossings(); n < fewest {
			best, fewest = l.snapshot(), n
		}
	}
	l.layers = best
	for _, layer := range best {
		l.number(layer)
	}
}

// number sets the places of the nodes of a layer.
func (l *layout) number(layer []int) {
	for place, n := range layer {
		l.places[n] = place
	}
}

// sweep calls visit with the layers, forwards or backwards, and with the function for the neighbours of a node in the layer
// visited before.
func (l *layout) sweep(forwards bool, visit func(layer []int, neighbours func(int) []int)) {
	for i := range l.layers {
		if forwards {
			visit(l.layers[i], func(n int) []int { return l.nodes[n].before })
		} else {
			visit(l.layers[len(l.layers)-1-i], func(n int) []int { return l.nodes[n].after })
		}
	}
}

func (l *layout) snapshot() [][]int {
	layers := make([][]int, len(l.layers))
	for i, layer := range l.layers {
		layers[i] = slices.Clone(layer)
	}
	return layers
}

// mean returns the mean value of the nodes, or other where there are none.
func mean(nodes []int, other float64, value func(int) float64) float64 {
	if len(nodes) == 0 {
		return other
	}
	sum := 0.0
	for _, n := range nodes {
		sum += value(n)
	}
	return sum / float64(len(nodes))
}

// crossings counts the crossings of edges: for each edge of a layer, from the top down, the edges before it that end further
// down in the next layer. The sums over places are those of a Fenwick tree.
func (l *layout) crossings() int {
	total := 0
	for i, layer := range l.layers[:max(len(l.layers)-1, 0)] {
		tree := make([]int, len(l.layers[i+1])+1)
		seen := 0
		for _, n := range layer {
			for _, m := range l.nodes[n].after {
				total += seen
				for at := l.places[m] + 1; at > 0; at &= at - 1 {
					total -= tree[at]
				}
			}
			for _, m := range l.nodes[n].after {
				seen++
				for at := l.places[m] + 1; at < len(tree); at += at & -at {
					tree[at]++
				}
			}
		}
	}
	return total
}

// settle moves the nodes of each layer, without changing their order, close to the middle of the nodes that they are connected
// with in the layer before, then in the layer after, and so on; at last in the layer with more of them, as the parent of a tree.
func (l *layout) settle() {
	middle := func(n int, neighbours []int) float64 {
		return mean(neighbours, l.nodes[n].center, func(m int) float64 { return l.nodes[m].center })
	}
	for i := range 2 * sweeps {
		l.sweep(i%2 == 0, func(layer []int, neighbours func(int) []int) {
			l.stack(layer, func(n int) float64 { return middle(n, neighbours(n)) })
		})
	}
	for i := range sweeps {
		l.sweep(i%2 == 1, func(layer []int, _ func(int) []int) {
			l.stack(layer, func(n int) float64 {
				if len(l.nodes[n].after) >= len(l.nodes[n].before) {
					return middle(n, l.nodes[n].after)
				}
				return middle(n, l.nodes[n].before)
			})
		})
	}
}

// run is a sequence of nodes of a layer that touch each other: the sum of their weights, and of their weighted wishes.
type run struct {
	nodes        int
	weight, wish float64
}

// stack places the nodes of a layer as close to their wished centers as their order and the gaps allow: with the least sum of
// squares of the distances. Less the room of the nodes above it, each place is at least that of the node above: an isotonic
// regression, for which adjacent runs that are in the wrong order become one.
func (l *layout) stack(layer []int, wish func(int) float64) {
	var runs []run
	rooms := make([]float64, len(layer)) // the least distances from the first center
	for i, n := range layer {
		if i > 0 {
			rooms[i] = rooms[i-1] + (l.nodes[layer[i-1]].box.Height+l.nodes[n].box.Height)/2 + NodeGap
		}
		weight := 1.0
		if l.nodes[n].bend {
			weight = 4 // long edges are to be straight
		}
		last := run{1, weight, weight * (wish(n) - rooms[i])}
		for len(runs) > 0 && runs[len(runs)-1].wish/runs[len(runs)-1].weight >= last.wish/last.weight {
			above := runs[len(runs)-1]
			runs = runs[:len(runs)-1]
			last = run{above.nodes + last.nodes, above.weight + last.weight, above.wish + last.wish}
		}
		runs = append(runs, last)
	}
	for at := 0; len(runs) > 0; runs = runs[1:] {
		for end := at + runs[0].nodes; at < end; at++ {
			l.nodes[layer[at]].center = runs[0].wish/runs[0].weight + rooms[at]
		}
	}
}
