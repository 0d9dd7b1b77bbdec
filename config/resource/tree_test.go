package resource

import (
	"fmt"
	"slices"
	"testing"
)

// Planning asks for all resources for each of them: that must cost no more than a copy.
func TestTreeIsInOrder(t *testing.T) {
	tree := NewTree()
	for i := range 1000 {
		tree.Add(&Resource{Path: Path(fmt.Sprintf("main/s/t%d/c", i*7919%1000))})
		tree.Add(&Resource{Path: Path(fmt.Sprintf("main/s/t%d", i*7919%1000))})
	}
	all := tree.Resources()
	if len(all) != tree.Len() || !slices.IsSortedFunc(all, func(a, b *Resource) int { return ComparePaths(a.Path, b.Path) }) {
		t.Errorf("%d of %d resources are not in order", len(all), tree.Len())
	}
	if n := testing.AllocsPerRun(10, func() { tree.Resources() }); n > 1 {
		t.Errorf("it takes %v allocations to list them", n)
	}
}
