package assemble

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/resource"
)

// maxResolvers is the number of DNS servers that libc asks.
const maxResolvers = 3

// validateNaming sees that the containers of a cell agree on the attributes that hold for all of it. Where nothing says which
// container is the root, planning decides, which knows the recorded one.
func validateNaming(decls []*schema.Declaration, tree *resource.Tree, diags *resource.Diagnostics) {
	roots := map[resource.Path]*resource.Resource{}
	for r, c := range specs[*resource.Container](decls) {
		if c.Root && !r.ImpliedRoot && !r.External {
			roots[r.Path.Parent()] = r
		}
		if len(c.DNS) > maxResolvers {
			diags.Warnf(r.RangeOf("dns"), r.Path, "Too many DNS servers", "The programs of a cell ask the first %d DNS servers, and never the others: %s. Remove those.", maxResolvers, strings.Join(c.DNS[maxResolvers:], ", "))
		}
	}
	modes := modesOf(decls)
	warnUnreachable(decls, tree, modes, diags)
	validateModes(decls, tree, modes, diags)
	validateMACs(decls, diags)
	for r, c := range specs[*resource.Container](decls) {
		root := roots[r.Path.Parent()]
		if root == nil || root == r || r.External {
			continue
		}
		if name := c.Contradicts(root.Spec.(*resource.Container)); name != "" {
			diags.Errorf(r.RangeOf(name), r.Path, "Conflicting values in a cell", "%s holds for all of the cell %s, whose root container %s (%s) has another value. Write it there, and remove it here.", name, r.Path.Parent(), root.Path.Name(), root.Declared)
		}
	}
}

// warnUnreachable tells of DNS servers, and of names of the host, that the firewall of a space hides from its cells.
func warnUnreachable(decls []*schema.Declaration, tree *resource.Tree, modes map[resource.Path]*resource.Resource, diags *resource.Diagnostics) {
	const detail = "%s, but the space %s does not let its cells connect to %s. %s, or leave it out here."
	for r, c := range specs[*resource.Container](decls) {
		space := tree.Resource(r.Path.Space())
		if r.External || space == nil || space.External || modes[r.Path.Parent()] != nil {
			continue
		}
		network := space.Spec.(*resource.Space).Network
		subnet, _ := fixedSubnet(space)
		subnet6, _ := ipv6.fixedSubnet(space)
		remedy := "Add it to egress.allow"
		if network != nil && network.Internal {
			remedy = "Remove internal = true"
		}
		for _, server := range c.DNS {
			addr, err := netip.ParseAddr(server)
			if err == nil && !addr.IsLoopback() && !subnet.Contains(addr) && !subnet6.Contains(addr) && denies(network, addr, dnsPort) {
				diags.Warnf(r.RangeOf("dns"), r.Path, "Unreachable DNS server", detail, "dns names "+server, space.Path, server, remedy)
			}
		}
		for _, text := range c.ExtraHosts {
			h, err := resource.ParseExtraHost(text)
			if err != nil || h.Address.IsValid() {
				continue
			}
			gateway := subnet.Addr()
			if gateway.IsValid() {
				gateway = gateway.Next()
			}
			if denies(network, gateway, 0) {
				diags.Warnf(r.RangeOf(fmt.Sprintf("extraHosts[%q]", text)), r.Path, "Unreachable host", detail, "extra_hosts has "+text, space.Path, "the host", remedy)
			}
		}
	}
}

// dnsPort is the port of DNS servers.
const dnsPort = 53

// denies reports whether cells of the network can't connect to the port of the address; port 0 asks for any port. An address
// that is only chosen when planning is denied where nothing is allowed.
func denies(n *resource.Network, addr netip.Addr, port int) bool {
	if n == nil || n.Internal {
		return n != nil
	}
	if n.Egress == nil || n.Egress.Default != resource.EgressDeny {
		return false
	}
	return !slices.ContainsFunc(n.Egress.Allow, func(rule resource.EgressRule) bool {
		destination, err := netip.ParsePrefix(rule.CIDR)
		if err != nil || addr.IsValid() && !destination.Contains(addr) {
			return false
		}
		return port == 0 || len(rule.Ports) == 0 || slices.ContainsFunc(rule.Ports, func(text string) bool {
			ports, _, err := resource.ParseEgressPort(text)
			return err == nil && ports.First <= port && port <= ports.Last
		})
	})
}

// modesOf returns the containers by which cells have the host's network or none.
func modesOf(decls []*schema.Declaration) map[resource.Path]*resource.Resource {
	modes := map[resource.Path]*resource.Resource{}
	for r, c := range specs[*resource.Container](decls) {
		if c.Network != "" && !r.External {
			modes[r.Path.Parent()] = r
		}
	}
	return modes
}

// validateModes refuses attributes that need the network of the space where a cell has the host's or none. As Docker does, it
// only warns of ports.
func validateModes(decls []*schema.Declaration, tree *resource.Tree, modes map[resource.Path]*resource.Resource, diags *resource.Diagnostics) {
	for r, c := range specs[*resource.Container](decls) {
		by := modes[r.Path.Parent()]
		if by == nil || r.External {
			continue
		}
		mode := by.Spec.(*resource.Container).Network
		if len(c.Ports) > 0 {
			diags.Warnf(r.RangeOf("ports"), r.Path, "Ports without effect", "The cell %s has the network %q, in which no port is published. Remove ports: with the network of the host, the ports that its programs listen on are ports of the host.", r.Path.Parent(), mode)
		}
		const needs = "%s needs the network of the space, but the cell %s has the network %q (%s). Remove one of them."
		if len(c.Networks) > 0 {
			diags.Errorf(r.RangeOf("networks"), r.Path, "Conflicting network", needs, "networks", r.Path.Parent(), mode, by.RangeOf("network"))
		}
		if len(c.NetworksAliases) > 0 {
			diags.Errorf(r.RangeOf("networksAliases"), r.Path, "Conflicting network", needs, "networks_aliases", r.Path.Parent(), mode, by.RangeOf("network"))
		}
		if c.MACAddress != "" {
			diags.Errorf(r.RangeOf("macAddress"), r.Path, "Conflicting network", needs, "mac_address", r.Path.Parent(), mode, by.RangeOf("network"))
		}
		gateway := slices.IndexFunc(c.ExtraHosts, func(text string) bool { return strings.HasSuffix(text, ":"+resource.HostGateway) })
		if gateway >= 0 && mode == resource.NetworkNone {
			diags.Errorf(r.RangeOf("extraHosts"), r.Path, "Conflicting network", needs, c.ExtraHosts[gateway], r.Path.Parent(), mode, by.RangeOf("network"))
		}
	}
	for p, by := range modes {
		cell := tree.Resource(p)
		for _, f := range []family{ipv4, ipv6} {
			if cell != nil && !cell.External && f.address(cell.Spec.(*resource.Cell)) != "" {
				diags.Errorf(cell.RangeOf(f.addressName), p, "Conflicting network", "The cell has an address in its space, but the network %q (%s). Remove one of them.", by.Spec.(*resource.Container).Network, by.RangeOf("network"))
			}
		}
	}
}

// validateMACs sees that no two cells of a space have one MAC address, and warns of one that may be that of a device.
func validateMACs(decls []*schema.Declaration, diags *resource.Diagnostics) {
	type station struct {
		space resource.Path
		mac   string
	}
	owners := map[station]*resource.Resource{}
	for r, c := range specs[*resource.Container](decls) {
		mac, err := net.ParseMAC(c.MACAddress)
		if err != nil || r.External {
			continue
		}
		const local = 2 // the bit of addresses that are not a manufacturer's
		if mac[0]&local == 0 {
			diags.Warnf(r.RangeOf("macAddress"), r.Path, "MAC address of a manufacturer", "%s is in the range of a manufacturer's devices. Choose one whose first byte is 02, unless a program expects this one.", mac)
		}
		at := station{r.Path.Space(), c.MACAddress}
		if other := owners[at]; other != nil && other.Path.Parent() != r.Path.Parent() {
			diags.Errorf(r.RangeOf("macAddress"), r.Path, "Duplicate MAC address", "%s is already that of the cell %s (%s). Choose another, or remove it.", mac, other.Path.Parent(), other.RangeOf("macAddress"))
		}
		owners[at] = r
	}
}
