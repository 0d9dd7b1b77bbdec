package planner

import (
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// scope is the part of all resources that the targets leave to the plan; of no target it is all of them.
type scope struct {
	// targets are those of the options and the cells they depend on, attachTo further spaces they need, moving the cells
	// that get other addresses because of a target.
	targets  []resource.Path
	attachTo map[resource.Path]bool
	moving   []resource.Path
	excluded
}

// scopeOf returns the scope of a plan on in.
func scopeOf(in *input) *scope {
	s := &scope{targets: slices.Clone(in.opts.Targets), attachTo: map[resource.Path]bool{}}
	s.excluded = excludedFrom(in)
	d := newDraft(in, s)
	d.findTargets()
	d.findMoving()
	return s
}

// findTargets adds to the targets the cells that those in them depend on, and the volumes that they mount and that
// are new or lost, and notes the spaces without a network that
// their containers want to be attached to.
func (d *draft) findTargets() {
	for i := 0; i < len(d.scope.targets); i++ {
		for _, r := range d.in.desired.Resources() {
			if !d.scope.targets[i].Contains(r.Path) && !r.Path.Parent().Contains(d.scope.targets[i]) && !r.Path.Contains(d.scope.targets[i]) {
				continue
			}
			switch spec := r.Spec.(type) {
			case *resource.Cell:
				for _, on := range spec.DependsOn {
					if other := resource.Path(on.Name); d.in.desired.Resource(other) != nil && !slices.Contains(d.scope.targets, other) {
						d.scope.targets = append(d.scope.targets, other)
					}
				}
			case *resource.Container:
				for _, p := range resource.VolumesOf(spec) {
					if have := d.in.prior.Records[p]; d.in.desired.Resource(p) != nil && (have == nil || d.in.lost(have)) && !slices.Contains(d.scope.targets, p) {
						d.scope.targets = append(d.scope.targets, p)
					}
				}
				for _, name := range spec.Networks {
					space := r.Path.Realm().Join(name)
					if have := d.in.prior.Records[space]; have == nil || have.Status.Network == nil {
						d.scope.attachTo[space] = true
					}
				}
			}
		}
	}
}

// findMoving notes the cells that get other addresses because the subnet of a targeted space that they are attached to
// changes. The ancestors of a moving cell come along, and may have a subnet that changes itself.
func (d *draft) findMoving() {
	for grown := true; grown; {
		grown = false
		for _, p := range d.in.prior.Paths() {
			had := d.in.attachmentOf(p)
			if had == nil || slices.Contains(d.scope.moving, p) {
				continue
			}
			if slices.ContainsFunc(had.Interfaces, func(i state.Interface) bool { return d.subnetMoves(i.Space) }) {
				d.scope.moving = append(d.scope.moving, p)
				grown = true
			}
		}
	}
}

// targeted reports whether the plan may look at p: a target or below one, needed by one, or above one and wanted.
func (d *draft) targeted(p resource.Path) bool {
	if d.scope.left[p] {
		return d.realmReplaced(p) || d.parentGoes(p) || p.Kind() == resource.KindContainer && d.rootMoves(p) // which is refused
	}
	if len(d.scope.targets) == 0 || d.realmReplaced(p) || d.scope.attachTo[p] {
		return true
	}
	for _, cell := range d.scope.moving {
		if p == cell || p.Contains(cell) && d.in.desired.Resource(p) != nil {
			return true
		}
	}
	for _, t := range d.scope.targets {
		if t.Contains(p) || p.Contains(t) && d.in.desired.Resource(p) != nil {
			return true
		}
		if t.Kind() != resource.KindContainer || p.Parent() != t.Parent() {
			continue
		}
		// The containers of a cell live on its root container: it comes along, and the others do when it changes.
		if p == d.in.rootOf(t.Parent()) || d.rootMoves(p) && d.in.existsOrNeeded(p) || d.in.needs(t, p) {
			return true
		}
	}
	return false
}

// subnetMoves reports whether a space is to have another subnet than the one it has.
func (d *draft) subnetMoves(space resource.Path) bool {
	want, have := d.in.desired.Resource(space), d.in.prior.Records[space]
	if want == nil || want.External || have == nil || have.Status.Network == nil || !d.targeted(space) {
		return false
	}
	network := want.Spec.(*resource.Space).Network
	if network == nil {
		network = &resource.Network{}
	}
	had, want6 := have.Status.Network, network.Subnet6
	moves6 := want6 != had.Subnet6 && (want6 != resource.SubnetAuto || had.Subnet6 == "")
	return moves6 || network.Subnet != "" && network.Subnet != had.Subnet
}

// existsOrNeeded reports whether there is a container at p, or one in its cell that depends on it.
func (in *input) existsOrNeeded(p resource.Path) bool {
	exists := func(q resource.Path) bool { return in.prior.Records[q] != nil || in.orphans[q] != nil }
	return exists(p) || slices.ContainsFunc(in.desired.Resources(), func(r *resource.Resource) bool {
		return r.Path.Parent() == p.Parent() && exists(r.Path) && in.needs(r.Path, p)
	})
}

// mayDelete reports whether the targets allow p to be deleted: not if a target only depends on it, or an excluded resource.
func (d *draft) mayDelete(p resource.Path) bool {
	if d.scope.needed[p] && !d.realmReplaced(p) {
		return false
	}
	if len(d.in.opts.Targets) == 0 || d.realmReplaced(p) || d.parentGoes(p) {
		return true
	}
	if p.Kind() == resource.KindContainer && d.rootMoves(p) {
		return true
	}
	return slices.ContainsFunc(d.in.opts.Targets, func(t resource.Path) bool { return t.Contains(p) })
}

// needs reports whether the container at p depends on the one at on, directly or through others.
func (in *input) needs(p, on resource.Path) bool {
	seen := map[resource.Path]bool{}
	var search func(resource.Path) bool
	search = func(q resource.Path) bool {
		if q == on || seen[q] {
			return q == on
		}
		seen[q] = true
		r := in.desired.Resource(q)
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
