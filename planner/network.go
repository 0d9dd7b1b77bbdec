package planner

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// DefaultSubnetPool is what the subnets of spaces are chosen from.
const DefaultSubnetPool = "10.88.0.0/16"

// subnetBits is the length of the prefix of a chosen subnet.
const subnetBits = 24

// decideNetworks gives each space its subnet, and each cell its addresses, its host ports and its names. It comes
// after all other decisions, and adds changes where the network is all that changes.
func (d *decider) decideNetworks() {
	d.checkPlugins()
	for _, p := range d.order {
		if p.Kind() == resource.KindSpace && d.owns(p) {
			d.decideNetwork(p)
		}
	}
	if d.diags.HasErrors() {
		return // an error more for each cell would help nobody
	}
	d.checkFirewalls()
	d.checkForeignCells()
	cells := d.attach()
	d.checkSpaces(cells)
	d.decidePorts(cells)
	for _, p := range d.order {
		if a := cells[p]; a != nil {
			d.decideAttachment(p, a)
		}
	}
	d.decideNames()
}

// owns reports whether the plan may change the network of the space or cell at p, which there will be: one that
// is desired, or in which something desired lies, or that must move with the subnet of a space, or that stays while a
// container of it is destroyed.
func (d *decider) owns(p resource.Path) bool {
	r := d.after(p)
	if r == nil || !d.ours(r.Status.Project) && r.Status.Project != "" {
		return false
	}
	if d.opts.Destroy {
		return d.losesContainer(p)
	}
	if want := d.desired.Resource(p); want != nil {
		return !want.External && d.targeted(p)
	}
	above := len(d.targets) == 0 || slices.ContainsFunc(d.targets, p.Contains)
	return d.needed[p] && (above || d.targeted(p)) || slices.Contains(d.moving, p)
}

// losesContainer reports whether a container directly below p goes, and with it what the cell publishes and is called for
// its sake.
func (d *decider) losesContainer(p resource.Path) bool {
	for _, c := range d.changes {
		if c.Path.Parent() == p && c.Path.Kind() == resource.KindContainer && c.Action == plan.Delete {
			return true
		}
	}
	return false
}

// after returns the record that the resource at p will have, or nil.
func (d *decider) after(p resource.Path) *state.Record {
	if c := d.changes[p]; c != nil {
		return c.After
	}
	return d.prior.Records[p]
}

// ensure returns the change of a recorded resource, an update if there was none.
func (d *decider) ensure(p resource.Path) *plan.Change {
	c := d.changes[p]
	if c == nil {
		before := d.prior.Records[p]
		after := *before
		c = &plan.Change{Path: p, Action: plan.Update, Before: before, After: &after}
		d.changes[p] = c
	}
	return c
}

func (d *decider) checkPlugins() {
	if len(d.actual.MissingPlugins) == 0 {
		return
	}
	for _, r := range d.desired.Resources() {
		if k := r.Path.Kind(); !r.External && (k == resource.KindSpace || k == resource.KindCell || k == resource.KindContainer) {
			d.diags.Errorf(r.Declared, r.Path, "CNI plugins are missing",
				"%s %s needs a network, but this host lacks %s: install them (apt-get install containernetworking-plugins iptables), or name their directory with --cni-bin-dir.",
				k.Lower(), r.Path, strings.Join(d.actual.MissingPlugins, ", "))
			return
		}
	}
}

// checkFirewalls tells of other firewalls of this host that cut spaces off: kuke's rules can't overrule them.
func (d *decider) checkFirewalls() {
	for _, chain := range d.actual.Dropping {
		for _, p := range d.order {
			if p.Kind() == resource.KindSpace && d.owns(p) && slices.Contains(chain.Bridges, d.bridgeOf(p)) {
				d.diags.Warnf(d.declared(p), p, "Packets are dropped",
					"%s drops forwarded packets, those of space %s too: its published ports can't be reached from outside, and its cells reach nothing outside. Let the packets of cells pass: %s.", chain.Name, p, chain.Fix)
				break
			}
		}
	}
}

// bridgeOf returns the name of the bridge that the space has or will have.
func (d *decider) bridgeOf(space resource.Path) string {
	if n := d.networkOf(space); n != nil {
		return n.Bridge
	}
	return resource.BridgeName(space)
}

// isNetworkOf reports whether a CNI network of the host is that of the space: the one recorded, or one left unrecorded.
func (d *decider) isNetworkOf(n plan.CNINetwork, space resource.Path) bool {
	if r := d.prior.Records[space]; r != nil && r.Status.Network != nil {
		return n.Name == r.Status.Network.Name
	}
	if _, taken := d.host().Networks[n.Name]; taken {
		return false
	}
	return n.Name == resource.NetworkName(space) || n.Path == string(space) && plan.NetworkOfSpace(&n) != nil
}

// checkForeignCells makes sure that no container wants a cell changed that the plan may not change.
func (d *decider) checkForeignCells() {
	for _, r := range d.desired.Resources() {
		spec, ok := r.Spec.(*resource.Container)
		if !ok || r.External || !d.targeted(r.Path) || d.owns(r.Path.Parent()) || d.after(r.Path) == nil {
			continue
		}
		name := ""
		switch {
		case len(spec.Ports) > 0:
			name = "ports"
		case len(spec.Networks) > 0:
			name = "networks"
		case len(spec.NetworksAliases) > 0:
			name = "networksAliases"
		default:
			continue
		}
		d.diags.Errorf(r.RangeOf(name), r.Path, "Cell is managed elsewhere", "container %s sets %s, which concerns all of cell %s, but that is not managed here: set it where the cell is declared.", r.Path, name, r.Path.Parent())
	}
}

// checkSpaces makes sure that no cell stays attached to a space that goes, or keeps an address in a subnet that does.
func (d *decider) checkSpaces(cells map[resource.Path]*state.Attachment) {
	for _, p := range d.prior.Paths() {
		had := d.attachmentOf(p)
		if had == nil || d.after(p) == nil || cells[p] != nil {
			continue
		}
		for _, i := range had.Interfaces {
			if d.changes[i.Space] == nil {
				continue
			}
			if network := d.networkOf(i.Space); network == nil {
				d.diags.Errorf(resource.Range{}, i.Space, "Space is in use", "space %s is to be deleted, but cell %s, which stays, is attached to it: change that first.", i.Space, p)
			} else if network.Subnet != i.Network.Subnet {
				d.diags.Errorf(d.declared(i.Space), i.Space, "Space is in use", "space %s is to have the subnet %s, but cell %s, which can't be changed here, has an address in %s: change that first.", i.Space, network.Subnet, p, i.Network.Subnet)
			}
		}
	}
}

// decideNetwork settles the network of a space.
func (d *decider) decideNetwork(p resource.Path) {
	prior := d.prior.Records[p]
	var had *state.Network
	if prior != nil {
		had = prior.Status.Network
	}
	subnet, ok := d.subnetOf(p, had)
	if !ok {
		return
	}
	network := d.network(p, subnet)
	if had != nil {
		network.Name, network.File, network.Bridge, network.Firewall = had.Name, had.File, had.Bridge, had.Firewall
	}
	d.checkNames(p, network)
	drift := d.actual.Networks[p]
	if had != nil && reflect.DeepEqual(had, network) && len(drift) == 0 && d.changes[p] == nil {
		return
	}
	c := d.ensure(p)
	c.After.Status.Network = network
	if c.Action == plan.Update {
		c.Reasons = append(c.Reasons, drift...)
		if had == nil {
			c.Reasons = append(c.Reasons, "it has no network yet")
		}
	}
	c.Diffs = append(c.Diffs, computed("subnet", networkSubnet(had, c), network.Subnet)...)
}

// networkSubnet is the subnet to show as the one before c.
func networkSubnet(had *state.Network, c *plan.Change) string {
	if had == nil || c.Action != plan.Update {
		return ""
	}
	return had.Subnet
}

// computed returns the difference of a value that kuke chooses; empty stands for none.
func computed(name, before, after string) []plan.Diff {
	if before == after {
		return nil
	}
	df := plan.Diff{Name: name, Computed: true}
	if before != "" {
		df.Before = before
	}
	if after != "" {
		df.After = after
	}
	return []plan.Diff{df}
}

// checkNames makes sure that no other space has the names that the host knows the network by: main-a and b, and main
// and a-b, make the same.
func (d *decider) checkNames(p resource.Path, network *state.Network) {
	h := d.host()
	for _, q := range []resource.Path{h.Networks[network.Name], h.Bridges[network.Bridge]} {
		if q != "" && q != p {
			d.diags.Errorf(d.declared(p), p, "Network name is taken", "space %s would have the CNI network %s and the bridge %s, which space %s has: rename one of them.", p, network.Name, network.Bridge, q)
			return
		}
	}
}

// declared returns where the resource at p is declared.
func (d *decider) declared(p resource.Path) resource.Range {
	if r := d.desired.Resource(p); r != nil {
		return r.Declared
	}
	return resource.Range{}
}

// subnetOf returns the subnet of a space: the one it wants, the one it has, or a free one.
func (d *decider) subnetOf(p resource.Path, had *state.Network) (netip.Prefix, bool) {
	want := ""
	if r := d.desired.Resource(p); r != nil {
		if spec := r.Spec.(*resource.Space); spec.Network != nil {
			want = spec.Network.Subnet
		}
	}
	if had != nil && (want == "" || want == had.Subnet) {
		if subnet, err := netip.ParsePrefix(had.Subnet); err == nil {
			return subnet, true
		}
	}
	taken := d.takenSubnets(p)
	if want != "" {
		subnet, err := netip.ParsePrefix(want)
		if err != nil {
			d.diags.Errorf(d.declared(p), p, "Invalid subnet", "%q is no subnet: %v.", want, err)
			return subnet, false
		}
		if !d.checkSubnet(p, subnet, taken) {
			return subnet, false
		}
		d.subnets = append(d.subnets, claim{subnet, "space " + string(p) + " has it"})
		return subnet, true
	}
	if o := d.orphans[p]; o != nil && o.network != nil {
		// Its record was lost, but its cells may run: they keep their addresses.
		left := netip.MustParsePrefix(o.network.Subnet)
		if !slices.ContainsFunc(taken, func(c claim) bool { return c.prefix.Overlaps(left) }) {
			d.subnets = append(d.subnets, claim{left, "space " + string(p) + " has it"})
			return left, true
		}
	}
	return d.freeSubnet(p, taken)
}

// checkSubnet refuses a subnet that is in use, and reports whether it is free.
func (d *decider) checkSubnet(p resource.Path, subnet netip.Prefix, taken []claim) bool {
	for _, t := range taken {
		if t.prefix.Overlaps(subnet) {
			d.diags.Errorf(d.desired.Resource(p).RangeOf("network.subnet"), p, "Subnet is taken", "space %s wants the subnet %s, but %s: choose another.", p, subnet, t)
			return false
		}
	}
	return true
}

// claim is a part of the address space that is in use.
type claim struct {
	prefix netip.Prefix
	owner  string
}

func (c claim) String() string { return fmt.Sprintf("%s, with %s", c.owner, c.prefix) }

// takenSubnets returns what the subnet of the space at p must keep clear of.
func (d *decider) takenSubnets(p resource.Path) []claim {
	taken := append([]claim(nil), d.subnets...)
	add := func(text, format string, args ...any) {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			taken = append(taken, claim{prefix, fmt.Sprintf(format, args...)})
		}
	}
	own := map[string]bool{d.bridgeOf(p): true}
	for _, q := range d.prior.Paths() {
		if n := d.prior.Records[q].Status.Network; n != nil && q != p {
			add(n.Subnet, "space %s has it", q)
			own[n.Bridge] = true
		}
		// An apply that was interrupted may have moved a space, but not all of its cells.
		if a := d.attachmentOf(q); a != nil {
			for _, i := range a.Interfaces {
				if i.Space != p {
					add(i.Network.Subnet, "cell %s has an address in it", q)
				}
			}
		}
	}
	for _, r := range d.desired.Resources() {
		if s, ok := r.Spec.(*resource.Space); ok && r.Path != p && s.Network != nil && s.Network.Subnet != "" && !r.External {
			add(s.Network.Subnet, "space %s wants it", r.Path)
		}
	}
	for _, route := range d.actual.Routes {
		if !own[route.Device] {
			taken = append(taken, claim{route.Prefix, fmt.Sprintf("this host has a route through %s", route.Device)})
		}
	}
	for _, n := range d.actual.CNINetworks {
		if d.isNetworkOf(n, p) {
			continue
		}
		for _, prefix := range n.Subnets {
			taken = append(taken, claim{prefix, fmt.Sprintf("CNI network %s has it (%s)", n.Name, n.File)})
		}
	}
	return taken
}

// freeSubnet returns the first subnet of the pool that is clear of those taken.
func (d *decider) freeSubnet(p resource.Path, taken []claim) (netip.Prefix, bool) {
	pool := d.opts.SubnetPool
	if !pool.IsValid() {
		pool = netip.MustParsePrefix(DefaultSubnetPool)
	}
	var last claim
	pool = pool.Masked()
	for subnet := netip.PrefixFrom(pool.Addr(), max(pool.Bits(), subnetBits)); pool.Contains(subnet.Addr()); {
		clash := false
		for _, t := range taken {
			if t.prefix.Overlaps(subnet) {
				last, clash = t, true
				break
			}
		}
		if !clash {
			d.subnets = append(d.subnets, claim{subnet, "space " + string(p) + " has it"})
			return subnet, true
		}
		next := nextSubnet(subnet)
		if !next.IsValid() {
			break
		}
		subnet = next
	}
	d.diags.Errorf(d.declared(p), p, "No free subnet",
		"space %s needs a subnet, but none of the pool %s is free (%s): choose one with network { subnet = … }, or another pool with --subnet-pool.", p, pool, last)
	return netip.Prefix{}, false
}

// nextSubnet returns the subnet of the same size behind p; it isn't valid when there is none.
func nextSubnet(p netip.Prefix) netip.Prefix {
	a := p.Addr().As4()
	n := uint64(a[0])<<24 | uint64(a[1])<<16 | uint64(a[2])<<8 | uint64(a[3])
	n += 1 << (32 - p.Bits())
	if n > 1<<32-1 {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), p.Bits())
}
