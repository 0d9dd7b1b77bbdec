package allocate

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// subnet6Of returns the IPv6 subnet of a space, an invalid one where it has none: the one it wants, or for "auto" the one it has
// or a free one. A space that is not in the configuration keeps the one it has.
func (a *allocator) subnet6Of(p resource.Path, had *state.Network) (netip.Prefix, bool) {
	want, present := "", ""
	if had != nil {
		present = had.Subnet6
	} else if left := a.in.Left[p]; left != nil {
		present = left.Subnet6
	}
	if r := a.in.Desired.Resource(p); r == nil {
		want = present
	} else if spec := r.Spec.(*resource.Space); spec.Network != nil {
		want = spec.Network.Subnet6
	}
	if want == "" {
		return netip.Prefix{}, true
	}
	stays := had != nil && present != "" && (want == resource.SubnetAuto || want == present)
	if (!stays || len(a.in.Actual.Networks[p]) > 0) && !a.checkIPv6(p) {
		return netip.Prefix{}, false
	}
	if stays {
		subnet, err := netip.ParsePrefix(present)
		return subnet, err == nil
	}
	taken := a.takenSubnets(p)
	subnet, err := netip.ParsePrefix(want)
	switch {
	case want == resource.SubnetAuto:
		subnet = uniqueLocal(p, present, taken)
	case err != nil:
		a.diags.Errorf(a.declared(p), p, "Invalid subnet", "%q is no subnet: %v.", want, err)
		return subnet, false
	case !a.checkSubnet(p, subnet, taken):
		return subnet, false
	}
	a.subnets = append(a.subnets, claim{subnet, "space " + string(p) + " has it"})
	return subnet, true
}

// checkIPv6 refuses IPv6 of a space on a host without it.
func (a *allocator) checkIPv6(p resource.Path) bool {
	why := a.in.Actual.NoIPv6
	if why == "" {
		return true
	}
	a.diags.Errorf(a.writtenAt(p, "network.subnet6"), p, "No IPv6 on this host", "space %s is to have IPv6, but %s. Enable IPv6 on the host, or remove subnet6.", p, why)
	return false
}

// uniqueLocal returns a free unique local /64, see RFC 4193: the one that the host has of a space whose record was lost, or one
// that follows from the path, so that the space gets the same one when it is created again.
func uniqueLocal(p resource.Path, left string, taken []claim) netip.Prefix {
	free := func(subnet netip.Prefix) bool {
		return !slices.ContainsFunc(taken, func(c claim) bool { return c.prefix.Overlaps(subnet) })
	}
	if subnet, err := netip.ParsePrefix(left); err == nil && free(subnet) {
		return subnet
	}
	const idBytes, bits = 7, 64 // a global ID of 40 bits and a subnet ID of 16
	for n := 0; ; n++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", p, n))
		address := [16]byte{0xfd}
		copy(address[1:], sum[:idBytes])
		if subnet := netip.PrefixFrom(netip.AddrFrom16(address), bits); free(subnet) {
			return subnet
		}
	}
}
