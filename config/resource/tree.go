package resource

import "slices"

// Resource is one node of a [Tree].
type Resource struct {
	Path Path
	Spec Spec
	// External says that the resource is managed elsewhere: it must exist and is left alone.
	External bool
	// ImpliedRoot says of a container with Root that nobody wrote so: it is the root of its cell where that is new, while
	// in a cell that is recorded the root stays the one that is recorded, see planner.New.
	ImpliedRoot bool
	// Declared is the place of the declaration.
	Declared Range
	// Ranges holds the places of the attributes that were written, by manifest name; those inside an object
	// as "resources.memory". A name that is missing was left out.
	Ranges map[string]Range
	// Sensitive holds the names of the leaves, see [Leaf], whose text comes from sensitive values: it must be neither
	// shown nor stored.
	Sensitive map[string]bool
	// References are the resources that values of this one come from: it is made after them and goes before them.
	References []Path
	// Lifecycle is nil where the configuration says nothing of it.
	Lifecycle *Lifecycle
}

// RangeOf returns where the attribute with the given manifest name was written, or else the declaration.
func (r *Resource) RangeOf(name string) Range {
	if rng, ok := r.Ranges[name]; ok {
		return rng
	}
	return r.Declared
}

// Tree is a set of resources by path: what a configuration declares.
// It may hold resources whose parents it doesn't: see [Tree.Undeclared].
type Tree struct {
	resources map[Path]*Resource
	ordered   []*Resource // as Resources returns them, which planning asks for again and again
}

// NewTree returns an empty tree.
func NewTree() *Tree { return &Tree{resources: map[Path]*Resource{}} }

// Add puts r in the tree and returns nil, or returns the resource that already has its path and changes nothing.
func (t *Tree) Add(r *Resource) (existing *Resource) {
	if old, ok := t.resources[r.Path]; ok {
		return old
	}
	t.resources[r.Path] = r
	i, _ := slices.BinarySearchFunc(t.ordered, r.Path, func(other *Resource, p Path) int { return ComparePaths(other.Path, p) })
	t.ordered = slices.Insert(t.ordered, i, r)
	return nil
}

// Resource returns the resource at p, or nil.
func (t *Tree) Resource(p Path) *Resource { return t.resources[p] }

// Len returns the number of resources.
func (t *Tree) Len() int { return len(t.resources) }

// Resources returns all resources, parents right before what is below them.
func (t *Tree) Resources() []*Resource { return slices.Clone(t.ordered) }

// Undeclared returns the resources whose parent is not in the tree, in the order of their paths.
func (t *Tree) Undeclared() []*Resource {
	var orphans []*Resource
	for _, r := range t.Resources() {
		if parent := r.Path.Parent(); parent != "" && t.resources[parent] == nil {
			orphans = append(orphans, r)
		}
	}
	return orphans
}
