package planner

import (
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// settleRoots returns desired with the root container of each cell of which nobody wrote which it is. The recorded one stays
// the root as long as it is desired, or is not for the plan to delete: with another root all containers of the cell would be
// replaced. Else it is the one that the tree implies. recorded holds the roots by their cells.
func settleRoots(desired *resource.Tree, recorded map[resource.Path]resource.Path, prior *state.State, o *Options) *resource.Tree {
	written := map[resource.Path]bool{}
	for _, r := range desired.Resources() {
		if c, ok := r.Spec.(*resource.Container); ok && c.Root && !r.ImpliedRoot {
			written[r.Path.Parent()] = true
		}
	}
	// stays reports whether the container at p, a recorded root, remains in its cell.
	stays := func(p resource.Path) bool {
		r := prior.Records[p]
		return p != "" && desired.Resource(p) != nil || r != nil && !o.ours(r.Status.Project)
	}
	tree := resource.NewTree()
	for _, r := range desired.Resources() {
		c, ok := r.Spec.(*resource.Container)
		if !ok || r.External {
			tree.Add(r)
			continue
		}
		root, implied := r.ImpliedRoot, r.ImpliedRoot
		switch cell := r.Path.Parent(); {
		case written[cell]:
			root, implied = c.Root && !r.ImpliedRoot, false
		case stays(recorded[cell]):
			root = r.Path == recorded[cell]
			implied = root
		}
		tree.Add(withRoot(r, root, implied))
	}
	return tree
}

// withRoot returns the resource of a container as one that is, or isn't, the root.
func withRoot(r *resource.Resource, root, implied bool) *resource.Resource {
	c := r.Spec.(*resource.Container)
	if c.Root == root && r.ImpliedRoot == implied {
		return r
	}
	settled, spec := *r, *c
	spec.Root = root
	settled.Spec, settled.ImpliedRoot = &spec, implied
	return &settled
}

// recordedRoots returns the recorded root container of each cell that has one.
func recordedRoots(prior *state.State) map[resource.Path]resource.Path {
	roots := map[resource.Path]resource.Path{}
	for p, r := range prior.Records {
		// A cell has one root; should the records say otherwise, it is the same one each time.
		if c, ok := r.Spec.(*resource.Container); ok && c.Root && roots[p.Parent()] < p {
			roots[p.Parent()] = p
		}
	}
	return roots
}

// rootsFound is recordedRoots with those containers that no state knows and whose labels say that they were made as roots,
// for the cells that have no root recorded: an apply was interrupted, or the record is lost.
func rootsFound(prior *state.State, orphans map[resource.Path]*orphan) map[resource.Path]resource.Path {
	recorded, roots := recordedRoots(prior), recordedRoots(prior)
	for p, o := range orphans {
		cell := p.Parent()
		if o.container != nil && o.container.Labels[plan.LabelRole] == "root" && recorded[cell] == "" && roots[cell] < p {
			roots[cell] = p
		}
	}
	return roots
}

// checkImpliedRoots makes sure that the containers that are roots without anybody having written so can be it. The
// configuration was checked for those that it implies; a recorded root may be another one.
func (d *request) checkImpliedRoots() {
	implied := func(cell resource.Path) *resource.Resource {
		if root := d.in.desired.Resource(d.in.desiredRoots[cell]); root != nil && root.ImpliedRoot {
			return root
		}
		return nil
	}
	for _, r := range d.in.desired.Resources() {
		if r.External || !d.draft.targeted(r.Path) {
			continue
		}
		switch spec := r.Spec.(type) {
		case *resource.Container:
			if root := implied(r.Path.Parent()); root == r {
				d.checkStartsFirst(r, spec)
			} else if root != nil && slices.Contains(spec.DependsOn, resource.Dependency{Name: root.Path.Name(), Condition: resource.Completed}) {
				d.diags.Errorf(r.RangeOf("dependsOn"), r.Path, "Impossible condition", "container %s waits for %s to be completed, but that is the root container of the cell, as recorded: its end takes the network from all of the cell. Let it depend on another container, or leave the condition out.", r.Path, root.Path)
			}
		case *resource.Cell:
			d.checkRootsEnd(r, spec, implied)
		}
	}
}

// checkStartsFirst makes sure that a root container, which starts before all others of its cell, waits for none of them.
func (d *request) checkStartsFirst(root *resource.Resource, spec *resource.Container) {
	const remedy = "container %s is the root of its cell, as recorded, and starts before every other, but it %s %s. Remove that, or write root = true in another container of the cell, which replaces all of them."
	for _, on := range spec.DependsOn {
		d.diags.Errorf(root.RangeOf("dependsOn"), root.Path, "Dependency cycle", remedy, root.Path, "depends on", root.Path.Parent().Join(on.Name))
	}
	for _, p := range root.References {
		if p.Parent() == root.Path.Parent() {
			d.diags.Errorf(root.Declared, root.Path, "Dependency cycle", remedy, root.Path, "refers to", p)
		}
	}
}

// checkRootsEnd makes sure that the cells whose completion a cell waits for have root containers that end.
func (d *request) checkRootsEnd(cell *resource.Resource, spec *resource.Cell, implied func(resource.Path) *resource.Resource) {
	for _, on := range spec.DependsOn {
		root := implied(resource.Path(on.Name))
		if on.Condition != resource.Completed || root == nil {
			continue
		}
		if policy := root.Spec.(*resource.Container).RestartPolicy; policy == "always" || policy == "unless-stopped" {
			d.diags.Errorf(cell.RangeOf("dependsOn"), cell.Path, "Impossible condition", "cell %s waits for %s to be completed, but the restart policy of its root container %s is %s, which starts it again. Make that no or on-failure, or leave the condition out.", cell.Path, on.Name, root.Path.Name(), policy)
		}
	}
}
