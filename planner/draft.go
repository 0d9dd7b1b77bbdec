package planner

import (
	"maps"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/internal/allocate"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// draft holds the changes that are decided so far.
type draft struct {
	in    *input
	scope *scope
	// order lists the resources in the order of decision.
	order   []resource.Path
	changes map[resource.Path]*plan.Change
	// repaired holds the differences of the host from a record that changes repair in place, as far as no record can hold them.
	repaired map[resource.Path][]string
	// restarting holds the containers that are left to containerd's restart monitor.
	restarting map[resource.Path]bool
	// kept holds the volumes that stay although no configuration declares them.
	kept map[resource.Path]bool
}

func newDraft(in *input, s *scope) *draft {
	return &draft{in: in, scope: s, changes: map[resource.Path]*plan.Change{}, repaired: map[resource.Path][]string{}, restarting: map[resource.Path]bool{}, kept: map[resource.Path]bool{}}
}

// rootMoves reports whether the change of another container, the root of p's cell, removes or recreates its network
// namespace.
func (d *draft) rootMoves(p resource.Path) bool {
	return d.in.rootOf(p.Parent()) != p && d.netnsMoves(p.Parent()) && !d.in.imported(p)
}

// netnsMoves reports whether the change of its root container removes or recreates the network namespace of the
// cell: a root container that is only started finds its own, as long as that is pinned.
func (d *draft) netnsMoves(cell resource.Path) bool {
	c := d.changes[d.in.rootOf(cell)]
	if c == nil {
		return false
	}
	switch c.Action {
	case plan.Create, plan.Replace, plan.Delete:
		return true
	case plan.Start, plan.Restart, plan.Update:
		return (c.Action != plan.Update || c.Start) && d.in.pinned(cell) == 0
	}
	return false
}

// realmReplaced reports whether the realm of p is replaced, with all resources below it.
func (d *draft) realmReplaced(p resource.Path) bool {
	c := d.changes[p.Realm()]
	return c != nil && c.Action == plan.Replace && p.Kind() != resource.KindRealm
}

// parentGoes reports whether the parent of p is deleted.
func (d *draft) parentGoes(p resource.Path) bool {
	c := d.changes[p.Parent()]
	return c != nil && c.Action == plan.Delete
}

// cellIsNew reports whether no record tells how the cell, which is created, is on the network.
func (d *draft) cellIsNew(cell resource.Path) bool {
	c := d.changes[cell]
	return c != nil && c.Action == plan.Create
}

// networkOf returns the network of a space as it will be, or nil.
func (d *draft) networkOf(space resource.Path) *state.Network {
	if r := d.after(space); r != nil {
		return r.Status.Network
	}
	return nil
}

// bridgeOf returns the name of the bridge that the space has or will have.
func (d *draft) bridgeOf(space resource.Path) string {
	if n := d.networkOf(space); n != nil {
		return n.Bridge
	}
	return resource.BridgeName(space)
}

// allocation returns the input of the allocation of names, subnets, addresses and ports, as far as it is decided.
func (d *draft) allocation() allocate.Input {
	in := allocate.Input{
		Desired: d.in.desired, Prior: d.in.prior, Actual: d.in.actual, Paths: d.order, After: map[resource.Path]*state.Record{}, Owned: map[resource.Path]bool{},
		Pool: d.in.opts.SubnetPool, Left: map[resource.Path]*state.Network{}, Names: d.in.hostNames,
	}
	maps.Copy(in.After, d.in.prior.Records)
	for p, c := range d.changes {
		in.After[p] = c.After
	}
	for _, p := range d.order {
		if k := p.Kind(); (k == resource.KindSpace || k == resource.KindCell) && d.owns(p) {
			in.Owned[p] = true
		}
	}
	for p, o := range d.in.orphans {
		if o.network != nil {
			in.Left[p] = o.network
		}
	}
	return in
}

// owns reports whether the plan may change the network of the space or cell at p, which there will be: one that
// is desired, or in which something desired lies, or that must move with the subnet of a space, or that stays while a
// container of it is destroyed.
func (d *draft) owns(p resource.Path) bool {
	r := d.after(p)
	if r == nil || !d.in.ours(r.Status.Project) && r.Status.Project != "" {
		return false
	}
	if d.in.opts.Destroy {
		return d.losesContainer(p)
	}
	if want := d.in.desired.Resource(p); want != nil {
		return !want.External && d.targeted(p)
	}
	above := len(d.scope.targets) == 0 && !d.scope.left[p] || slices.ContainsFunc(d.scope.targets, p.Contains)
	return d.in.needed[p] && (above || d.targeted(p)) || slices.Contains(d.scope.moving, p)
}

// losesContainer reports whether a container directly below p goes, and with it the ports and names that the cell has
// because of it.
func (d *draft) losesContainer(p resource.Path) bool {
	for _, c := range d.changes {
		if c.Path.Parent() == p && c.Path.Kind() == resource.KindContainer && c.Action == plan.Delete {
			return true
		}
	}
	return false
}

// after returns the record that the resource at p will have, or nil.
func (d *draft) after(p resource.Path) *state.Record {
	if c := d.changes[p]; c != nil {
		return c.After
	}
	return d.in.prior.Records[p]
}

// ensure returns the change of a recorded resource, an update if there was none.
func (d *draft) ensure(p resource.Path) *plan.Change {
	c := d.changes[p]
	if c == nil {
		before := d.in.prior.Records[p]
		after := *before
		c = &plan.Change{Path: p, Action: plan.Update, Before: before, After: &after}
		d.changes[p] = c
	}
	return c
}

// containerID returns the id that a container at p is made under.
func (d *draft) containerID(p resource.Path, namespace string) string {
	return allocate.ContainerID(d.in.hostNames, p, namespace)
}

// cgroup returns the cgroup of a resource that is made at p, in that of its parent.
func (d *draft) cgroup(p resource.Path, spec resource.Spec) string {
	above := ""
	if r := d.after(p.Parent()); r != nil {
		above = r.Status.Cgroup
	}
	return allocate.Cgroup(d.in.hostNames, p, spec, above)
}

// waits reports whether the start of the container at p comes after that of the one at on.
func (d *draft) waits(p resource.Path, spec *resource.Container, on resource.Path) bool {
	if p.Parent() == on.Parent() {
		return p != on && d.in.isRoot(on) || slices.ContainsFunc(spec.DependsOn, func(o resource.Dependency) bool { return o.Name == on.Name() })
	}
	return slices.ContainsFunc(d.after(p.Parent()).CellDependencies(), func(c resource.CellDependency) bool { return resource.Path(c.Name) == on.Parent() })
}
