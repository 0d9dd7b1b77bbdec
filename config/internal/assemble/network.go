package assemble

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/resource"
)

// validateNetworks refuses spaces and cells that share a name, a subnet, an address or an alias that each needs for itself.
func validateNetworks(decls []*schema.Declaration, tree *resource.Tree, members map[resource.Path][]string, diags *resource.Diagnostics) {
	validateSpaceNames(decls, diags)
	for _, f := range []family{ipv4, ipv6} {
		f.validateSubnets(decls, diags)
		f.validateAddresses(decls, tree, diags)
	}
	validateAttachments(decls, members, diags)
	validateAliases(decls, diags)
}

// validateSpaceNames sees that every space has its own CNI network and bridge, whose names are made of the space's.
func validateSpaceNames(decls []*schema.Declaration, diags *resource.Diagnostics) {
	owners := map[string]*resource.Resource{}
	for r := range specs[*resource.Space](decls) {
		for _, made := range []struct{ thing, name string }{
			{"CNI network", resource.NetworkName(r.Path)},
			{"bridge", resource.BridgeName(r.Path)},
		} {
			if other := owners[made.name]; other != nil {
				diags.Errorf(r.Declared, r.Path, "Conflicting names", "The spaces %s (%s) and %s would share the %s %s. Give one of them, or its realm, another name.", other.Path, other.Declared, r.Path, made.thing, made.name)
				break
			}
			owners[made.name] = r
		}
	}
}

// family is a version of IP: the attributes of spaces and cells that are about it.
type family struct {
	subnetName, addressName string
	subnet                  func(*resource.Network) string
	address                 func(*resource.Cell) string
}

var ipv4 = family{
	"network.subnet", "address",
	func(n *resource.Network) string { return n.Subnet }, func(c *resource.Cell) string { return c.Address },
}

var ipv6 = family{
	"network.subnet6", "address6",
	func(n *resource.Network) string { return n.Subnet6 }, func(c *resource.Cell) string { return c.Address6 },
}

// fixedSubnet returns the IPv4 subnet that r, a space or nil, is given here.
func fixedSubnet(r *resource.Resource) (netip.Prefix, bool) { return ipv4.fixedSubnet(r) }

// fixedSubnet returns the subnet that r, a space or nil, is given here.
func (f *family) fixedSubnet(r *resource.Resource) (netip.Prefix, bool) {
	if r == nil || r.External {
		return netip.Prefix{}, false
	}
	s := r.Spec.(*resource.Space)
	if s.Network == nil {
		return netip.Prefix{}, false
	}
	p, err := netip.ParsePrefix(f.subnet(s.Network)) // it may be "" or "auto"
	return p, err == nil
}

// validateSubnets sees that no two spaces have an address in common.
func (f *family) validateSubnets(decls []*schema.Declaration, diags *resource.Diagnostics) {
	type use struct {
		subnet netip.Prefix
		order  int
		r      *resource.Resource
	}
	var uses []use
	for r := range specs[*resource.Space](decls) {
		if subnet, ok := f.fixedSubnet(r); ok {
			uses = append(uses, use{subnet, len(uses), r})
		}
	}
	// Of two subnets that overlap, one holds the other: it stands before it, with nothing but its own in between.
	slices.SortStableFunc(uses, func(a, b use) int { return a.subnet.Compare(b.subnet) })
	var outer use
	for _, u := range uses {
		if outer.r == nil || !outer.subnet.Overlaps(u.subnet) {
			outer = u
			continue
		}
		first, second := outer, u
		if second.order < first.order {
			first, second = second, first
		}
		at := func(u use) resource.Range { return u.r.RangeOf(f.subnetName) }
		diags.Errorf(at(second), second.r.Path, "Overlapping subnets", "The subnet %s of %s overlaps with %s of %s (%s). Choose another for one of them, or remove it to get a free one.", second.subnet, second.r.Path, first.subnet, first.r.Path, at(first))
	}
}

// validateAddresses sees that the address of a cell lies where its space's subnet has room for it, and is its own.
func (f *family) validateAddresses(decls []*schema.Declaration, tree *resource.Tree, diags *resource.Diagnostics) {
	type socket struct {
		space   resource.Path
		address string
	}
	owners := map[socket]*resource.Resource{}
	for r, c := range specs[*resource.Cell](decls) {
		address := f.address(c)
		if address == "" || r.External {
			continue
		}
		space, at := r.Path.Space(), r.RangeOf(f.addressName)
		in := tree.Resource(space)
		if f.addressName == ipv6.addressName && in != nil && !in.External && !hasIPv6(in.Spec.(*resource.Space)) {
			diags.Errorf(at, r.Path, "No IPv6 in the space", "The cell can't have the address %s, as the space %s (%s) has no IPv6. Set subnet6 in the network of the space, or remove address6.", address, space, in.Declared)
			continue
		}
		if subnet, ok := f.fixedSubnet(in); ok {
			first, last := resource.CellAddresses(subnet)
			if a := netip.MustParseAddr(address); a.Less(first) || last.Less(a) {
				diags.Errorf(at, r.Path, "Unusable address", "No cell of %s can have the address %s: the subnet is %s (%s), of which cells have %s to %s. Choose one of these, or remove it to get a free one.", space, a, subnet, in.RangeOf(f.subnetName), first, last)
				continue
			}
		}
		if other := owners[socket{space, address}]; other != nil {
			diags.Errorf(at, r.Path, "Duplicate address", "The address %s is already that of the cell %s (%s). Choose another, or remove it to get a free one.", address, other.Path, other.RangeOf(f.addressName))
			continue
		}
		owners[socket{space, address}] = r
	}
}

func hasIPv6(s *resource.Space) bool { return s.Network != nil && s.Network.Subnet6 != "" }

// validateAttachments sees that the further spaces a cell is attached to exist, where all of the realm is known.
func validateAttachments(decls []*schema.Declaration, members map[resource.Path][]string, diags *resource.Diagnostics) {
	for r, c := range specs[*resource.Container](decls) {
		if r.External {
			continue
		}
		in := r.Path.Realm()
		for _, name := range c.Networks {
			at := r.RangeOf(fmt.Sprintf("networks[%q]", name))
			if space := r.Path.Space(); space == in.Join(name) {
				diags.Errorf(at, r.Path, "Needless network", "The cell is already in the space %s, as all of its stack is; networks names further ones. Remove %q.", space, name)
			} else if names, ok := members[in]; ok && !slices.Contains(names, name) {
				diags.Errorf(at, r.Path, "Unknown space", "networks names %q, but the realm %s has no space of that name in this configuration.%s", name, in, message.Suggest(name, names))
			}
		}
	}
}

// validateAliases sees that an alias means one cell of its space.
func validateAliases(decls []*schema.Declaration, diags *resource.Diagnostics) {
	type name struct {
		space resource.Path
		name  string
	}
	type claim struct {
		cell resource.Path
		at   resource.Range
	}
	named, aliased := map[name][]claim{}, map[name]claim{}
	for r := range specs[*resource.Cell](decls) {
		key := name{r.Path.Space(), r.Path.Name()}
		named[key] = append(named[key], claim{r.Path, r.Declared})
	}
	for r, c := range specs[*resource.Container](decls) {
		if r.External {
			continue
		}
		cell := r.Path.Parent()
		for _, alias := range c.NetworksAliases {
			at, key := r.RangeOf(fmt.Sprintf("networksAliases[%q]", alias)), name{r.Path.Space(), alias}
			if alias == "localhost" {
				diags.Errorf(at, r.Path, "Reserved alias", "In every cell localhost means the cell itself. Choose another alias.")
				continue
			}
			const how = "%q, an alias of the cell %s, is already %s of the cell %s (%s). Choose another: in the space %s a name must mean one cell."
			if i := slices.IndexFunc(named[key], func(other claim) bool { return other.cell != cell }); i >= 0 {
				other := named[key][i]
				diags.Errorf(at, r.Path, "Ambiguous alias", how, alias, cell, "the name", other.cell, other.at, key.space)
				continue
			}
			if other, ok := aliased[key]; ok && other.cell != cell {
				diags.Errorf(at, r.Path, "Ambiguous alias", how, alias, cell, "an alias", other.cell, other.at, key.space)
				continue
			}
			aliased[key] = claim{cell, at}
		}
	}
}
