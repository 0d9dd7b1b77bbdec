package resource

import (
	"fmt"
	"path/filepath"
	"slices"
)

// Resource is one node of a [Tree].
type Resource struct {
	Path Path
	Spec Spec
	// External says that the resource is managed elsewhere: it must exist and is left alone.
	External bool
	// ImpliedRoot says that Root of the container is a default and was not written: a recorded cell keeps its recorded root,
	// see planner.New.
	ImpliedRoot bool
	// Declared is the place of the declaration. HCL says that it is written in HCL.
	Declared Range
	HCL      bool
	// Ranges holds the places of the written attributes by manifest name, within an object as "resources.memory".
	Ranges map[string]Range
	// Sensitive holds the names of leaves, see [Leaf], with text from sensitive values, which must be neither shown nor
	// stored.
	Sensitive map[string]bool
	// References are the resources that values of this one come from: it is created after them and destroyed before them.
	References []Path
	// Lifecycle is nil where the configuration has none.
	Lifecycle *Lifecycle
}

// RangeOf returns the place of the attribute with the given manifest name, or else of the declaration.
func (r *Resource) RangeOf(name string) Range {
	if rng, ok := r.Ranges[name]; ok {
		return rng
	}
	return r.Declared
}

// SecretFile returns the path of the file that a secret of the container is read from: it is written relative to the file of
// the configuration.
func (r *Resource) SecretFile(s Secret) string {
	return r.fileOf(fmt.Sprintf("secrets[%q].fromFile", s.Name), s.FromFile)
}

// PasswordFile returns the path of the file that a password for a registry is read from, as [Resource.SecretFile] does.
func (r *Resource) PasswordFile(c RegistryCredential) string {
	return r.fileOf(fmt.Sprintf("registryCredentials[%q].passwordFromFile", c.ServerAddress), c.PasswordFromFile)
}

// fileOf returns the path of a file that the attribute names.
func (r *Resource) fileOf(attribute, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(filepath.Dir(r.RangeOf(attribute).File), file)
}

// Tree is the set of resources that a configuration declares, by path. Parents may be missing: see [Tree.Undeclared].
type Tree struct {
	resources map[Path]*Resource
	ordered   []*Resource // in the order of Resources

	// Withheld are texts that no output may show: sensitive values of the configuration, from which those of resources are made.
	Withheld []string
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

// Resources returns all resources, each parent right before its descendants.
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
