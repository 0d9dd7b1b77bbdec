package resource

// Edge says that the resource at Path is created after the one at On, and destroyed before it.
type Edge struct {
	Path, On Path
	// Why is the origin of the dependency: "depends_on", "networks", "volume", "reference", or "root" for the root container
	// of a cell; empty for the levels of the hierarchy.
	Why string
	// Condition must be met by On; empty where On only has to exist.
	Condition Condition
}

// Edges returns the dependencies between the resources of the tree, which order plans, in the order of the resources.
// Path and On may be resources that are managed elsewhere and not declared.
func (t *Tree) Edges() []Edge {
	var all []Edge
	seen := map[Edge]bool{}
	add := func(e Edge) {
		if !seen[e] {
			seen[e] = true
			all = append(all, e)
		}
	}
	// levels adds the hierarchy above p, up to the first declared resource, which adds its own.
	levels := func(p Path) {
		for above := p.Parent(); above != ""; p, above = above, above.Parent() {
			add(Edge{Path: p, On: above})
			if t.Resource(above) != nil {
				return
			}
		}
	}
	roots := map[Path]Path{}
	for _, r := range t.Resources() {
		if c, ok := r.Spec.(*Container); ok && c.Root {
			roots[r.Path.Parent()] = r.Path
		}
	}
	for _, r := range t.Resources() {
		levels(r.Path)
		switch spec := r.Spec.(type) {
		case *Cell:
			for _, on := range spec.DependsOn {
				add(Edge{r.Path, Path(on.Name), "depends_on", on.Condition})
				if t.Resource(Path(on.Name)) == nil {
					levels(Path(on.Name))
				}
			}
		case *Container:
			if root := roots[r.Path.Parent()]; root != "" && root != r.Path {
				add(Edge{Path: r.Path, On: root, Why: "root"})
			}
			for _, on := range spec.DependsOn {
				add(Edge{r.Path, r.Path.Parent().Join(on.Name), "depends_on", on.Condition})
			}
			for _, name := range spec.Networks {
				add(Edge{Path: r.Path.Parent(), On: r.Path.Realm().Join(name), Why: "networks"})
			}
			for _, on := range VolumesOf(spec) {
				add(Edge{Path: r.Path, On: on, Why: "volume"})
				if t.Resource(on) == nil {
					levels(on)
				}
			}
		}
		for _, on := range r.References {
			add(Edge{Path: r.Path, On: on, Why: "reference"})
		}
	}
	return all
}
