package graph

import "math/big"

// Reduced returns, for each node, the nodes it waits for without those it also waits for through another node (the
// transitive reduction). If there is a cycle it returns a [*CycleError].
func (g *Graph) Reduced() ([][]int, error) {
	order, err := g.Order()
	if err != nil {
		return nil, err
	}
	// reach holds, as bits, the nodes that a node waits for, directly or not.
	reach := make([]*big.Int, len(g.waits))
	reduced := make([][]int, len(g.waits))
	for _, node := range order {
		through := new(big.Int)
		for _, on := range g.waits[node] {
			through.Or(through, reach[on])
		}
		for _, on := range g.waits[node] {
			if through.Bit(on) == 0 {
				reduced[node] = append(reduced[node], on)
			}
		}
		for _, on := range reduced[node] {
			through.SetBit(through, on, 1)
		}
		reach[node] = through
	}
	return reduced, nil
}
