package planner

import (
	"net/netip"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/planner/state"
)

// hostNames tells which resource is known on the host by a name. What was moved keeps the names that its former path made, so
// that another one at that path needs others.
type hostNames struct {
	containers               map[[2]string]realm.Path // by namespace and id
	cells, cgroups, networks map[string]realm.Path
	bridges                  map[string]realm.Path
}

func hostNamesOf(prior *state.State) *hostNames {
	h := &hostNames{
		containers: map[[2]string]realm.Path{}, cells: map[string]realm.Path{}, cgroups: map[string]realm.Path{},
		networks: map[string]realm.Path{}, bridges: map[string]realm.Path{},
	}
	for p, r := range prior.Records {
		if r.Status.Cgroup != "" {
			h.cgroups[r.Status.Cgroup] = p
		}
		switch p.Kind() {
		case realm.KindSpace:
			if n := r.Status.Network; n != nil {
				h.networks[n.Name], h.bridges[n.Bridge] = p, p
			}
		case realm.KindCell:
			h.cells[r.CellID()] = p
		case realm.KindContainer:
			h.containers[[2]string{r.Status.Namespace, r.Status.ContainerID}] = p
		}
	}
	return h
}

// host returns the names that recorded resources have on the host.
func (d *decider) host() *hostNames {
	if d.hostNames == nil {
		d.hostNames = hostNamesOf(d.prior)
	}
	return d.hostNames
}

// free returns the first form of a name that nobody but p has, and gives it to p.
func free[K comparable](taken map[K]realm.Path, p realm.Path, variant func(n int) K) K {
	n := 1
	for ; n < realm.MaxVariants; n++ {
		if owner, ok := taken[variant(n)]; !ok || owner == p {
			break
		}
	}
	taken[variant(n)] = p
	return variant(n)
}

// containerID returns the id that a container at p is made under.
func (d *decider) containerID(p realm.Path, namespace string) string {
	return free(d.host().containers, p, func(n int) [2]string { return [2]string{namespace, realm.ContainerIDVariant(p, n)} })[1]
}

// cellID returns what [state.Status] holds as the id of a cell that is made at p.
func (d *decider) cellID(p realm.Path) string {
	id := free(d.host().cells, p, func(n int) string { return state.CellIDVariant(p, n) })
	if id == state.CellID(p) {
		return ""
	}
	return id
}

// cgroup returns the cgroup of a resource that is made at p, in that of what it lies in.
func (d *decider) cgroup(p realm.Path, spec realm.Spec) string {
	name := realm.CgroupOf(p, spec)
	if above := d.after(p.Parent()); above != nil && above.Status.Cgroup != "" {
		name = realm.CgroupIn(above.Status.Cgroup, p, spec)
	}
	return free(d.host().cgroups, p, func(n int) string { return realm.Variant(name, n) })
}

// network returns the network of a space at p which has none. Only what was moved makes room for another one: of two paths that
// make the same names, one has to be changed, see [decider.checkNames].
func (d *decider) network(p realm.Path, subnet netip.Prefix) *state.Network {
	h := d.host()
	if o := d.orphans[p]; o != nil && o.network != nil {
		return networkVariant(p, subnet, variantOf(p, o.network.Name))
	}
	for n := 1; n <= realm.MaxVariants; n++ {
		network := networkVariant(p, subnet, n)
		owner, taken := h.networks[network.Name]
		if !taken {
			owner, taken = h.bridges[network.Bridge]
		}
		if !taken || owner == p || realm.NetworkName(owner) == network.Name || realm.BridgeName(owner) == network.Bridge {
			return network
		}
	}
	return newNetwork(p, subnet)
}

// networkVariant is [newNetwork] with the n-th form of the names.
func networkVariant(space realm.Path, subnet netip.Prefix, n int) *state.Network {
	network := &state.Network{Subnet: subnet.String(), Gateway: subnet.Addr().Next().String()}
	network.Name, network.File, network.Bridge = realm.NetworkVariant(space, n)
	return network
}

func newNetwork(space realm.Path, subnet netip.Prefix) *state.Network {
	return networkVariant(space, subnet, 1)
}

// variantOf returns which form of the names of its network a space has, 0 for that of another space.
func variantOf(space realm.Path, name string) int {
	for n := 1; n <= realm.MaxVariants; n++ {
		if network, _, _ := realm.NetworkVariant(space, n); network == name {
			return n
		}
	}
	return 0
}

// warnRenamed tells of what is to be made at a path from which something was renamed that the configuration does not know by
// its new path.
func (d *decider) warnRenamed() {
	h := d.host()
	for _, p := range d.order {
		c := d.changes[p]
		if c == nil || c.Action != Create || d.prior.Records[p] != nil || d.opts.ByHand {
			continue
		}
		if above := d.changes[p.Parent()]; above != nil && above.Action == Create {
			continue // which is told of
		}
		var now realm.Path
		switch p.Kind() {
		case realm.KindContainer:
			now = h.containers[[2]string{c.After.Status.Namespace, realm.ContainerID(p)}]
		case realm.KindCell:
			now = h.cells[state.CellID(p)]
		default:
			now = h.cgroups[realm.CgroupOf(p, nil)]
		}
		if now == "" || now == p || now.Kind() != p.Kind() || now.Parent() != p.Parent() || d.desired.Resource(now) != nil {
			continue
		}
		fate := "stays as it is"
		if other := d.changes[now]; other != nil && other.Action == Delete {
			fate = "is destroyed"
		}
		d.diags.Warnf(d.declared(p), p, "Renamed resource", "%s %s was renamed to %s, which is not in the configuration: this plan makes a new %s, and %s %s. For nothing to change, rename it in the configuration, too; to give it its former name back, add a block moved { from = %q, to = %q }, on two lines.",
			p.Kind().Lower(), p, now, p, now, fate, now, p)
	}
}
