package network

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The firewall asks for the rules at the first packet of a connection only: later ones are accepted as established. So a
// connection that the rules forbid by now ends when the kernel forgets it: its next packet is the first one then.

// connection is one that the kernel tracks.
type connection struct {
	protocol byte
	// source and destination are those of its first packet, and reached is where that went, which differs from destination
	// for a published port.
	source, destination, reached netip.AddrPort
}

// endConnections makes the kernel forget the connections of IPv4 that ends picks.
func endConnections(ends func(connection) bool) error {
	_, err := again(func() (uint, error) {
		return netlink.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, connectionFilter(ends))
	})
	if err != nil {
		return fmt.Errorf("end connections that are not allowed any more: %w", err)
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
	return endConnections(n.forbids)
}

// forbids reports whether the network's rules don't allow a connection, as egressRules has it. The gateway is the host.
func (n *Network) forbids(c connection) bool {
	to := c.reached.Addr()
	if !n.Subnet.Contains(c.source.Addr()) || c.source.Addr() == n.Gateway || n.Subnet.Contains(to) && to != n.Gateway {
		return false
	}
	return n.Internal || !slices.ContainsFunc(n.Allow, func(a Allow) bool { return a.allows(c) })
}

// allows reports whether the entry takes in a connection, as match has it.
func (a *Allow) allows(c connection) bool {
	if !a.Destination.Contains(c.reached.Addr()) || a.Protocol != "" && protocols[a.Protocol] != c.protocol {
		return false
	}
	return a.First == 0 && a.Last == 0 || a.First <= c.reached.Port() && c.reached.Port() <= max(a.First, a.Last)
}

// EndPublished ends the connections that came to a cell through ports that are not published any more. The address is the
// one that the cell has, or had.
func (h *Host) EndPublished(address netip.Addr, ports []PortMapping) error {
	if len(ports) == 0 {
		return nil
	}
	return endConnections(func(c connection) bool {
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
