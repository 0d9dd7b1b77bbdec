package planner

import (
	"net/netip"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// host returns the names that recorded resources have on the host.
func (d *decider) host() *state.HostNames {
	if d.hostNames == nil {
		d.hostNames = state.HostNamesOf(d.prior)
	}
	return d.hostNames
}

// free returns the first form of a name that nobody but p has, and gives it to p.
func free[K comparable](taken map[K]resource.Path, p resource.Path, variant func(n int) K) K {
	n := 1
	for ; n < resource.MaxVariants; n++ {
		if owner, ok := taken[variant(n)]; !ok || owner == p {
			break
		}
	}
	taken[variant(n)] = p
	return variant(n)
}

// containerID returns the id that a container at p is made under.
func (d *decider) containerID(p resource.Path, namespace string) string {
	return free(d.host().Containers, p, func(n int) [2]string { return [2]string{namespace, resource.ContainerIDVariant(p, n)} })[1]
}

// cellID returns what [state.Status] holds as the id of a cell that is made at p.
func (d *decider) cellID(p resource.Path) string {
	id := free(d.host().Cells, p, func(n int) string { return state.CellIDVariant(p, n) })
	if id == state.CellID(p) {
		return ""
	}
	return id
}

// cgroup returns the cgroup of a resource that is made at p, in that of what it lies in.
func (d *decider) cgroup(p resource.Path, spec resource.Spec) string {
	name := resource.CgroupOf(p, spec)
	if above := d.after(p.Parent()); above != nil && above.Status.Cgroup != "" {
		name = resource.CgroupIn(above.Status.Cgroup, p, spec)
	}
	return free(d.host().Cgroups, p, func(n int) string { return resource.Variant(name, n) })
}

// network returns the network of a space at p which has none. Only what was moved makes room for another one: of two paths that
// make the same names, one has to be changed, see [decider.checkNames].
func (d *decider) network(p resource.Path, subnet netip.Prefix) *state.Network {
	h := d.host()
	if o := d.orphans[p]; o != nil && o.network != nil {
		network := networkVariant(p, subnet, 1)
		network.Name, network.File, network.Bridge = o.network.Name, o.network.File, o.network.Bridge
		return network
	}
	for n := 1; n <= resource.MaxVariants; n++ {
		network := networkVariant(p, subnet, n)
		owner, taken := h.Networks[network.Name]
		if !taken {
			owner, taken = h.Bridges[network.Bridge]
		}
		if !taken || owner == p || resource.NetworkName(owner) == network.Name || resource.BridgeName(owner) == network.Bridge {
			return network
		}
	}
	return newNetwork(p, subnet)
}

// networkVariant is [newNetwork] with the n-th form of the names.
func networkVariant(space resource.Path, subnet netip.Prefix, n int) *state.Network {
	network := &state.Network{Subnet: subnet.String(), Gateway: subnet.Addr().Next().String()}
	network.Name, network.File, network.Bridge = resource.NetworkVariant(space, n)
	return network
}

func newNetwork(space resource.Path, subnet netip.Prefix) *state.Network {
	return networkVariant(space, subnet, 1)
}

// warnRenamed tells of what is to be made at a path from which something was renamed that the configuration does not know by
// its new path.
func (d *decider) warnRenamed() {
	now := map[resource.Path]resource.Path{} // by the former path
	for q, r := range d.prior.Records {
		if former := r.Status.FormerName; former != "" && d.desired.Resource(q) == nil {
			now[q.Parent().Join(former)] = q
		}
	}
	for _, p := range d.order {
		c, q := d.changes[p], now[p]
		if q == "" || c == nil || c.Action != plan.Create || d.prior.Records[p] != nil || d.opts.ByHand {
			continue
		}
		fate := "stays as it is"
		if other := d.changes[q]; other != nil && other.Action == plan.Delete {
			fate = "is destroyed"
		}
		d.diags.Warnf(d.declared(p), p, "Renamed resource", "%s %s was renamed to %s, which is not in the configuration: this plan makes a new %s, and %s %s. For nothing to change, rename it in the configuration, too. To give it its former name back, add a block moved with from = %q and to = %q.",
			p.Kind().Lower(), p, q, p, q, fate, q, p)
	}
}
