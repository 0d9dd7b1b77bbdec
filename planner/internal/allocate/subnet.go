package allocate

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// DefaultPool is the pool that the subnets of spaces are chosen from.
const DefaultPool = "10.88.0.0/16"

// subnetBits is the length of the prefix of a chosen subnet.
const subnetBits = 24

// Networks returns the network of each space that is owned: with the subnet that it wants or has, or else a free one.
func Networks(in Input) (map[resource.Path]*state.Network, resource.Diagnostics) {
	a := newAllocator(in)
	networks := map[resource.Path]*state.Network{}
	for _, p := range in.Paths {
		if p.Kind() != resource.KindSpace || !in.Owned[p] {
			continue
		}
		var had *state.Network
		if prior := in.Prior.Records[p]; prior != nil {
			had = prior.Status.Network
		}
		subnet, ok := a.subnetOf(p, had)
		if !ok {
			continue
		}
		subnet6, ok := a.subnet6Of(p, had)
		if !ok {
			continue
		}
		network := a.network(p, subnet)
		if subnet6.IsValid() {
			network.Subnet6, network.Gateway6 = subnet6.String(), resource.Gateway(subnet6).String()
		}
		if had != nil {
			network.Name, network.File, network.Bridge, network.Firewall = had.Name, had.File, had.Bridge, had.Firewall
		}
		a.checkNames(p, network)
		networks[p] = network
	}
	return networks, a.diags
}

// CheckSubnet makes sure that a subnet which the plan gives the space at p is still free, and that the host has its family.
func CheckSubnet(in Input, p resource.Path, subnet netip.Prefix) resource.Diagnostics {
	a := newAllocator(in)
	if subnet.Addr().Is6() && !a.checkIPv6(p) {
		return a.diags
	}
	a.checkSubnet(p, subnet, a.takenSubnets(p))
	return a.diags
}

// checkNames makes sure that no other space has the names that the host knows the network by: main-a and b, and main
// and a-b, make the same.
func (a *allocator) checkNames(p resource.Path, network *state.Network) {
	h := a.in.Names
	for _, q := range []resource.Path{h.Networks[network.Name], h.Bridges[network.Bridge]} {
		if q != "" && q != p {
			a.diags.Errorf(a.declared(p), p, "Network name is taken", "space %s would have the CNI network %s and the bridge %s, which space %s has: rename one of them.", p, network.Name, network.Bridge, q)
			return
		}
	}
}

// isNetworkOf reports whether a CNI network of the host is that of the space: the one recorded, or one left unrecorded.
func (a *allocator) isNetworkOf(n plan.CNINetwork, space resource.Path) bool {
	if r := a.in.Prior.Records[space]; r != nil && r.Status.Network != nil {
		return n.Name == r.Status.Network.Name
	}
	if _, taken := a.in.Names.Networks[n.Name]; taken {
		return false
	}
	return n.Name == resource.NetworkName(space) || n.Path == string(space) && plan.NetworkOfSpace(&n) != nil
}

// network returns the network of a space at p which has none. Only a space that was moved makes room for another one: of two paths that
// make the same names, one has to be changed, see [allocator.checkNames].
func (a *allocator) network(p resource.Path, subnet netip.Prefix) *state.Network {
	h := a.in.Names
	if left := a.in.Left[p]; left != nil {
		network := networkVariant(p, subnet, 1)
		network.Name, network.File, network.Bridge = left.Name, left.File, left.Bridge
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
	return networkVariant(p, subnet, 1)
}

// networkVariant returns the network of a space with the n-th form of its names.
func networkVariant(space resource.Path, subnet netip.Prefix, n int) *state.Network {
	network := &state.Network{Subnet: subnet.String(), Gateway: subnet.Addr().Next().String()}
	network.Name, network.File, network.Bridge = resource.NetworkVariant(space, n)
	return network
}

// subnetOf returns the subnet of a space: the one it wants, the one it has, or a free one.
func (a *allocator) subnetOf(p resource.Path, had *state.Network) (netip.Prefix, bool) {
	want := ""
	if r := a.in.Desired.Resource(p); r != nil {
		if spec := r.Spec.(*resource.Space); spec.Network != nil {
			want = spec.Network.Subnet
		}
	}
	if had != nil && (want == "" || want == had.Subnet) {
		if subnet, err := netip.ParsePrefix(had.Subnet); err == nil {
			return subnet, true
		}
	}
	taken := a.takenSubnets(p)
	if want != "" {
		subnet, err := netip.ParsePrefix(want)
		if err != nil {
			a.diags.Errorf(a.declared(p), p, "Invalid subnet", "%q is no subnet: %v.", want, err)
			return subnet, false
		}
		if !a.checkSubnet(p, subnet, taken) {
			return subnet, false
		}
		a.subnets = append(a.subnets, claim{subnet, "space " + string(p) + " has it"})
		return subnet, true
	}
	if found := a.in.Left[p]; found != nil {
		// Its record was lost, but its cells may run: they keep their addresses.
		left := netip.MustParsePrefix(found.Subnet)
		if !slices.ContainsFunc(taken, func(c claim) bool { return c.prefix.Overlaps(left) }) {
			a.subnets = append(a.subnets, claim{left, "space " + string(p) + " has it"})
			return left, true
		}
	}
	return a.freeSubnet(p, taken)
}

// checkSubnet refuses a subnet that is in use, and reports whether it is free.
func (a *allocator) checkSubnet(p resource.Path, subnet netip.Prefix, taken []claim) bool {
	for _, t := range taken {
		if t.prefix.Overlaps(subnet) {
			name := "network.subnet"
			if subnet.Addr().Is6() {
				name = "network.subnet6"
			}
			a.diags.Errorf(a.writtenAt(p, name), p, "Subnet is taken", "space %s wants the subnet %s, but %s: choose another.", p, subnet, t)
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

// takenSubnets returns the subnets that the subnet of the space at p must not overlap.
func (a *allocator) takenSubnets(p resource.Path) []claim {
	taken := slices.Clone(a.subnets)
	add := func(text, format string, args ...any) {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			taken = append(taken, claim{prefix, fmt.Sprintf(format, args...)})
		}
	}
	own := map[string]bool{a.bridgeOf(p): true}
	for _, q := range a.in.Prior.Paths() {
		if n := a.in.Prior.Records[q].Status.Network; n != nil && q != p {
			add(n.Subnet, "space %s has it", q)
			add(n.Subnet6, "space %s has it", q)
			own[n.Bridge] = true
		}
		// An apply that was interrupted may have moved a space, but not all of its cells.
		if a := a.attachmentOf(q); a != nil {
			for _, i := range a.Interfaces {
				if i.Space != p {
					add(i.Network.Subnet, "cell %s has an address in it", q)
					add(i.Network.Subnet6, "cell %s has an address in it", q)
				}
			}
		}
	}
	for _, r := range a.in.Desired.Resources() {
		if s, ok := r.Spec.(*resource.Space); ok && r.Path != p && s.Network != nil && !r.External {
			add(s.Network.Subnet, "space %s wants it", r.Path)
			add(s.Network.Subnet6, "space %s wants it", r.Path)
		}
	}
	for _, route := range a.in.Actual.Routes {
		if !own[route.Device] {
			taken = append(taken, claim{route.Prefix, fmt.Sprintf("this host has a route through %s", route.Device)})
		}
	}
	for _, n := range a.in.Actual.CNINetworks {
		if a.isNetworkOf(n, p) {
			continue
		}
		for _, prefix := range n.Subnets {
			taken = append(taken, claim{prefix, fmt.Sprintf("CNI network %s has it (%s)", n.Name, n.File)})
		}
	}
	return taken
}

// freeSubnet returns the first subnet of the pool that is clear of those taken.
func (a *allocator) freeSubnet(p resource.Path, taken []claim) (netip.Prefix, bool) {
	pool := a.in.Pool
	if !pool.IsValid() {
		pool = netip.MustParsePrefix(DefaultPool)
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
			a.subnets = append(a.subnets, claim{subnet, "space " + string(p) + " has it"})
			return subnet, true
		}
		next := nextSubnet(subnet)
		if !next.IsValid() {
			break
		}
		subnet = next
	}
	a.diags.Errorf(a.declared(p), p, "No free subnet",
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
