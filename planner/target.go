package planner

import (
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

func (d *decider) checkTargets() {
	for _, t := range d.opts.Targets {
		if d.desired.Resource(t) == nil && d.prior.Records[t] == nil && d.orphans[t] == nil {
			d.diags.Errorf(resource.Range{}, t, "No such target", "--target %s names a resource that is neither in the configuration nor in the state.", t)
		}
	}
}

// findTargets adds to the targets the cells that those in them depend on, and notes the spaces without a network that
// their containers want to be attached to.
func (d *decider) findTargets() {
	d.targets, d.attachTo = slices.Clone(d.opts.Targets), map[resource.Path]bool{}
	for i := 0; i < len(d.targets); i++ {
		for _, r := range d.desired.Resources() {
			if !d.targets[i].Contains(r.Path) && !r.Path.Parent().Contains(d.targets[i]) && !r.Path.Contains(d.targets[i]) {
				continue
			}
			switch spec := r.Spec.(type) {
			case *resource.Cell:
				for _, on := range spec.DependsOn {
					if other := resource.Path(on.Name); d.desired.Resource(other) != nil && !slices.Contains(d.targets, other) {
						d.targets = append(d.targets, other)
					}
				}
			case *resource.Container:
				for _, name := range spec.Networks {
					space := r.Path.Realm().Join(name)
					if have := d.prior.Records[space]; have == nil || have.Status.Network == nil {
						d.attachTo[space] = true
					}
				}
			}
		}
	}
	d.findMoving()
}

// findMoving notes the cells that get other addresses because the subnet of a targeted space that they are attached to
// changes. What such a cell is in comes along, and may have a subnet that changes itself.
func (d *decider) findMoving() {
	for grown := true; grown; {
		grown = false
		for _, p := range d.prior.Paths() {
			had := d.attachmentOf(p)
			if had == nil || slices.Contains(d.moving, p) {
				continue
			}
			if slices.ContainsFunc(had.Interfaces, func(i state.Interface) bool { return d.subnetMoves(i.Space) }) {
				d.moving = append(d.moving, p)
				grown = true
			}
		}
	}
}

// targeted reports whether the plan may look at p: a target or below one, needed by one, or above one and wanted.
func (d *decider) targeted(p resource.Path) bool {
	if len(d.targets) == 0 || d.realmReplaced(p) || d.attachTo[p] {
		return true
	}
	for _, cell := range d.moving {
		if p == cell || p.Contains(cell) && d.desired.Resource(p) != nil {
			return true
		}
	}
	for _, t := range d.targets {
		if t.Contains(p) || p.Contains(t) && d.desired.Resource(p) != nil {
			return true
		}
		if t.Kind() != resource.KindContainer || p.Parent() != t.Parent() {
			continue
		}
		// The containers of a cell live on its root container: it comes along, and the others do when it changes.
		if p == d.rootOf(t.Parent()) || d.rootMoves(p) && d.existsOrNeeded(p) || d.needs(t, p) {
			return true
		}
	}
	return false
}

// subnetMoves reports whether a space is to have another subnet than the one it has.
func (d *decider) subnetMoves(space resource.Path) bool {
	want, have := d.desired.Resource(space), d.prior.Records[space]
	if want == nil || want.External || have == nil || have.Status.Network == nil || !d.targeted(space) {
		return false
	}
	network := want.Spec.(*resource.Space).Network
	return network != nil && network.Subnet != "" && network.Subnet != have.Status.Network.Subnet
}

// existsOrNeeded reports whether there is a container at p, or one in its cell that depends on it.
func (d *decider) existsOrNeeded(p resource.Path) bool {
	exists := func(q resource.Path) bool { return d.prior.Records[q] != nil || d.orphans[q] != nil }
	return exists(p) || slices.ContainsFunc(d.desired.Resources(), func(r *resource.Resource) bool {
		return r.Path.Parent() == p.Parent() && exists(r.Path) && d.needs(r.Path, p)
	})
}

// mayDelete reports whether the targets let p be deleted: not so what one of them only stands on.
func (d *decider) mayDelete(p resource.Path) bool {
	if len(d.opts.Targets) == 0 || d.realmReplaced(p) || d.parentGoes(p) {
		return true
	}
	if p.Kind() == resource.KindContainer && d.rootMoves(p) {
		return true
	}
	return slices.ContainsFunc(d.opts.Targets, func(t resource.Path) bool { return t.Contains(p) })
}

// needs reports whether the container at p depends on the one at on, directly or through others.
func (d *decider) needs(p, on resource.Path) bool {
	seen := map[resource.Path]bool{}
	var search func(resource.Path) bool
	search = func(q resource.Path) bool {
		if q == on || seen[q] {
			return q == on
		}
		seen[q] = true
		r := d.desired.Resource(q)
		if r == nil {
			return false
		}
		for _, dependency := range r.Spec.(*resource.Container).DependsOn {
			if search(q.Parent().Join(dependency.Name)) {
				return true
			}
		}
		return false
	}
	return search(p)
}
