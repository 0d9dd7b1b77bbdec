package network

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The firewall applies the rules to the first packet of a connection only: later packets are accepted as established. A
// connection that new rules forbid ends when the kernel forgets it, since its next packet is a first one again.

// connection is a connection that the kernel tracks.
type connection struct {
	protocol byte
	// source and destination are the addresses of its first packet. reached is the address that the packet arrived at, which
	// differs from destination for a published port.
	source, destination, reached netip.AddrPort
}

// endConnections makes the kernel forget the connections of a family, AF_INET or AF_INET6, that ends selects.
func endConnections(family netlink.InetFamily, ends func(connection) bool) error {
	_, err := again(func() (uint, error) {
		return netlink.ConntrackDeleteFilters(netlink.ConntrackTable, family, connectionFilter(ends))
	})
	if err != nil {
		return fmt.Errorf("end connections that are no longer allowed: %w", err)
	}
	return nil
}

// connectionFilter implements [netlink.CustomConntrackFilter].
type connectionFilter func(connection) bool

// MatchConntrackFlow implements [netlink.CustomConntrackFilter].
func (ends connectionFilter) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	there, back := flow.Forward, flow.Reverse
	source, _ := netip.AddrFromSlice(there.SrcIP)
	destination, _ := netip.AddrFromSlice(there.DstIP)
	reached, _ := netip.AddrFromSlice(back.SrcIP)
	return ends(connection{
		protocol: there.Protocol, source: netip.AddrPortFrom(source.Unmap(), there.SrcPort),
		destination: netip.AddrPortFrom(destination.Unmap(), there.DstPort), reached: netip.AddrPortFrom(reached.Unmap(), back.SrcPort),
	})
}

// endForbidden ends the connections out of the network that its rules forbid.
func endForbidden(n Network) error {
	if !n.Internal && !n.Deny {
		return nil
	}
	err := endConnections(unix.AF_INET, n.forbids)
	if err == nil && n.Subnet6.IsValid() {
		err = endConnections(unix.AF_INET6, n.forbids)
	}
	return err
}

// forbids reports whether the network's egressRules forbid a connection. The gateway is the host.
func (n *Network) forbids(c connection) bool {
	subnet, gateway, to := n.Subnet, n.Gateway, c.reached.Addr()
	if to.Is6() {
		subnet, gateway = n.Subnet6, n.Gateway6
	}
	if !subnet.Contains(c.source.Addr()) || c.source.Addr() == gateway || subnet.Contains(to) && to != gateway {
		return false
	}
	return n.Internal || !slices.ContainsFunc(n.Allow, func(a Allow) bool { return a.allows(c) })
}

// allows reports whether the entry allows a connection, by the same conditions as match.
func (a *Allow) allows(c connection) bool {
	if !a.Destination.Contains(c.reached.Addr()) || a.Protocol != "" && protocols[a.Protocol] != c.protocol {
		return false
	}
	return a.First == 0 && a.Last == 0 || a.First <= c.reached.Port() && c.reached.Port() <= max(a.First, a.Last)
}

// EndPublished ends the connections to a cell through ports that are no longer published. The address is the present or
// former address of the cell.
func (h *Host) EndPublished(address netip.Addr, ports []PortMapping) error {
	if len(ports) == 0 {
		return nil
	}
	family := netlink.InetFamily(unix.AF_INET)
	if address.Is6() {
		family = unix.AF_INET6
	}
	return endConnections(family, func(c connection) bool {
		return c.reached.Addr() == address && c.destination.Addr() != address &&
			slices.ContainsFunc(ports, func(p PortMapping) bool { return p.took(c) })
	})
}

// took reports whether the connection came through the port.
func (p *PortMapping) took(c connection) bool {
	all := !p.HostIP.IsValid() || p.HostIP.IsUnspecified()
	return protocols[p.Protocol] == c.protocol && p.HostPort == c.destination.Port() && p.ContainerPort == c.reached.Port() &&
		(all || p.HostIP == c.destination.Addr())
}
