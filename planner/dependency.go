package planner

import "github.com/kukeon/kuke/config/realm"

// Dependency says that the resource at Path is made after the one at On, and destroyed before it.
type Dependency struct {
	Path, On realm.Path
	// Why is what says so: "depends_on", "networks", "reference", or "root" for the root container of a cell; it is empty for
	// the levels of the hierarchy.
	Why string
	// Condition is what On must have reached; empty where it must be there.
	Condition realm.Condition
}

// Dependencies returns the dependencies between the resources of a configuration that [New] plans by, in the order of the
// resources. Path and On may be such that are not declared, but managed elsewhere.
func Dependencies(desired *realm.Tree) []Dependency {
	var all []Dependency
	seen := map[Dependency]bool{}
	add := func(d Dependency) {
		if !seen[d] {
			seen[d] = true
			all = append(all, d)
		}
	}
	// levels adds the hierarchy above p, up to what is declared and adds its own.
	levels := func(p realm.Path) {
		for above := p.Parent(); above != ""; p, above = above, above.Parent() {
			add(Dependency{Path: p, On: above})
			if desired.Resource(above) != nil {
				return
			}
		}
	}
	roots := map[realm.Path]realm.Path{}
	for _, r := range desired.Resources() {
		if c, ok := r.Spec.(*realm.Container); ok && c.Root {
			roots[r.Path.Parent()] = r.Path
		}
	}
	for _, r := range desired.Resources() {
		levels(r.Path)
		switch spec := r.Spec.(type) {
		case *realm.Cell:
			for _, on := range spec.DependsOn {
				add(Dependency{r.Path, realm.Path(on.Name), "depends_on", on.Condition})
				if desired.Resource(realm.Path(on.Name)) == nil {
					levels(realm.Path(on.Name))
				}
			}
		case *realm.Container:
			if root := roots[r.Path.Parent()]; root != "" && root != r.Path {
				add(Dependency{Path: r.Path, On: root, Why: "root"})
			}
			for _, on := range spec.DependsOn {
				add(Dependency{r.Path, r.Path.Parent().Join(on.Name), "depends_on", on.Condition})
			}
			for _, name := range spec.Networks {
				add(Dependency{Path: r.Path.Parent(), On: r.Path.Realm().Join(name), Why: "networks"})
			}
		}
		for _, on := range r.References {
			add(Dependency{Path: r.Path, On: on, Why: "reference"})
		}
	}
	return all
}
