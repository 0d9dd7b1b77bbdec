package allocate

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// firstFreePort is the lowest port of the host that is given to those who leave the choice to kuke.
const firstFreePort = 32768

const lastPort = 65535

// publisher is who publishes a port.
type publisher struct {
	resource.Port
	cell resource.Path
}

// publish settles the ports that cells publish, and makes sure that nobody else on this host has them.
func (a *allocator) publish(cells map[resource.Path]*state.Attachment) {
	var taken []publisher
	for _, p := range a.in.Prior.Paths() {
		if cells[p] == nil && a.in.After[p] != nil && a.attachmentOf(p) != nil {
			for _, text := range a.attachmentOf(p).Published {
				if port, err := resource.ParsePort(text); err == nil {
					taken = append(taken, publisher{port, p})
				}
			}
		}
	}
	var open []publisher
	for _, p := range a.in.Paths {
		if cells[p] == nil || cells[p].Mode != "" {
			continue
		}
		for _, port := range a.portsOf(p) {
			if !a.checkAddress(publisher{port, p}, ipv6Of(cells[p])) {
				continue
			}
			if port.Host.First == 0 {
				open = append(open, publisher{port, p})
				continue
			}
			a.checkPort(publisher{port, p}, taken, ipv6Of(cells[p]))
			taken = append(taken, publisher{port, p})
		}
	}
	for _, o := range open {
		if chosen, ok := a.choosePort(o, taken, ipv6Of(cells[o.cell])); ok {
			taken = append(taken, chosen)
		}
	}
	for _, t := range taken {
		if at := cells[t.cell]; at != nil && !slices.Contains(at.Published, t.String()) {
			at.Published = append(at.Published, t.String())
		}
	}
	for _, at := range cells {
		slices.Sort(at.Published)
	}
}

// portsOf returns the ports that the containers of a cell publish.
func (a *allocator) portsOf(cell resource.Path) []resource.Port {
	var all []resource.Port
	seen := map[string]bool{}
	for _, r := range a.containers[cell] {
		for _, text := range r.Spec.(*resource.Container).Ports {
			port, err := resource.ParsePort(text)
			if err == nil && !seen[text] {
				all = append(all, port)
				seen[text] = true
			}
		}
	}
	return all
}

// ipv6Of reports whether the ports of a cell with the attachment, which may be nil, are published on IPv6 too.
func ipv6Of(at *state.Attachment) bool {
	return at != nil && len(at.Interfaces) > 0 && at.Interfaces[0].Address6 != ""
}

// checkAddress refuses an address of the host that CNI's portmap can't publish ports on, and tells of one that the host
// doesn't have: it may be a mistake, or one that comes and goes. ipv6 says that the cell has an IPv6 address.
func (a *allocator) checkAddress(p publisher, ipv6 bool) bool {
	have := a.in.Actual.Addresses
	switch {
	case p.HostIP.Is6() && !ipv6:
		a.diags.Errorf(a.portRange(p), p.cell, "Unsupported host address", "cell %s publishes %s, but its space %s has no IPv6. Name an IPv4 address, or none for all addresses, or set subnet6 in the network of the space.", p.cell, p.Port, p.cell.Space())
		return false
	case p.HostIP.Is6() && p.HostIP.IsLoopback():
		a.diags.Errorf(a.portRange(p), p.cell, "Unsupported host address", "cell %s publishes %s, but Linux forwards no packets from [::1]. Name another address, or none for all addresses.", p.cell, p.Port)
		return false
	case !p.HostIP.IsValid() || p.HostIP.IsUnspecified():
	case len(have) > 0 && !p.HostIP.IsLoopback() && !slices.Contains(have, p.HostIP):
		a.diags.Warnf(a.portRange(p), p.cell, "Not an address of this host", "cell %s publishes %s, but no interface of this host has the address %s: nothing is served there until one has. Its addresses are %s.", p.cell, p.Port, p.HostIP, addressList(have))
	}
	return true
}

// addressList is the first of the addresses, for a message.
func addressList(addresses []netip.Addr) string {
	const shown = 8
	var text []string
	for _, a := range addresses[:min(shown, len(addresses))] {
		text = append(text, a.String())
	}
	if len(addresses) > shown {
		text = append(text, "…")
	}
	return strings.Join(text, ", ")
}

// checkPort refuses a port that somebody else publishes or listens on.
func (a *allocator) checkPort(p publisher, taken []publisher, ipv6 bool) {
	for _, t := range taken {
		if t.Clashes(p.Port) {
			a.diags.Errorf(a.portRange(p), p.cell, "Host port is taken", "cell %s publishes %s, but cell %s publishes %s. Choose another port of the host.", p.cell, p.Port, t.cell, t.Port)
			return
		}
	}
	a.checkUnused(p, ipv6)
}

// CheckPort makes sure that a port which the plan lets the cell publish is still unused on this host.
func CheckPort(in Input, cell resource.Path, port resource.Port) resource.Diagnostics {
	a := newAllocator(in)
	a.checkUnused(publisher{port, cell}, in.After[cell] != nil && ipv6Of(in.After[cell].Status.Attachment))
	return a.diags
}

// checkUnused refuses a port that a program outside of kuke uses on this host.
func (a *allocator) checkUnused(p publisher, ipv6 bool) {
	if why := a.usedBy(p, ipv6); why != "" {
		a.diags.Errorf(a.portRange(p), p.cell, "Host port is taken", "cell %s publishes %s, but %s. Choose another port of the host, or stop the program or cell that uses it.", p.cell, p.Port, why)
	}
}

// portRange returns where the port is written.
func (a *allocator) portRange(p publisher) resource.Range {
	for _, r := range a.containers[p.cell] {
		if want := a.in.Desired.Resource(r.Path); want != nil {
			if at, ok := want.Ranges[fmt.Sprintf("ports[%q]", p.String())]; ok {
				return at
			}
		}
	}
	return a.declared(p.cell)
}

// usedBy says who else on the host has the port, or returns "". Those that kuke publishes already are its own. ipv6 says that
// the cell has an IPv6 address.
func (a *allocator) usedBy(p publisher, ipv6 bool) string {
	had := a.attachmentOf(p.cell)
	present := had != nil && slices.Contains(had.Published, p.String())
	if present && (ipv6Of(had) || !ipv6) {
		return ""
	}
	ipv6 = ipv6 && !p.HostIP.Is4()
	for _, s := range a.in.Actual.Sockets {
		if s.OnlyIPv6 && !ipv6 || !s.OnlyIPv6 && present {
			continue
		}
		addr := s.Addr.Unmap()
		if addr == netip.IPv6Unspecified() {
			addr = netip.Addr{} // the socket takes IPv4 too
		}
		if p.Clashes(single(s.Protocol, addr, int(s.Port))) {
			return fmt.Sprintf("something on this host listens on %s/%s", netip.AddrPortFrom(s.Addr, s.Port), s.Protocol)
		}
	}
	for _, m := range a.in.Actual.Mappings {
		if ownMapping(m) || m.IPv6 && !ipv6 || !m.IPv6 && (present || p.HostIP.Is6()) {
			continue
		}
		if other := single(m.Protocol, m.Addr, int(m.First)); p.Clashes(spread(other, int(m.Last))) {
			who := "somebody else"
			if m.Network != "" {
				who = "CNI network " + m.Network
			}
			return fmt.Sprintf("%s publishes port %d/%s of this host", who, m.First, m.Protocol)
		}
	}
	return ""
}

// ownMapping reports whether a mapping is that of a cell: those are compared by their records.
func ownMapping(m plan.PortMapping) bool {
	return strings.HasPrefix(m.Network, "kukeon-")
}

func single(protocol string, addr netip.Addr, port int) resource.Port {
	return resource.Port{HostIP: addr, Host: resource.PortRange{First: port, Last: port}, Container: resource.PortRange{First: port, Last: port}, Protocol: protocol}
}

func spread(p resource.Port, last int) resource.Port {
	p.Host.Last = max(p.Host.Last, last)
	return p
}

// choosePort gives a port without one of the host the one it had, or a free one.
func (a *allocator) choosePort(p publisher, taken []publisher, ipv6 bool) (publisher, bool) {
	free := func(candidate publisher) bool {
		clash := slices.ContainsFunc(taken, func(t publisher) bool { return t.Clashes(candidate.Port) })
		return !clash && a.usedBy(candidate, ipv6) == ""
	}
	if had := a.attachmentOf(p.cell); had != nil {
		for _, text := range had.Published {
			port, err := resource.ParsePort(text)
			if err == nil && port.Container == p.Container && port.Protocol == p.Protocol && port.HostIP == p.HostIP && free(publisher{port, p.cell}) {
				return publisher{port, p.cell}, true
			}
		}
	}
	for first := firstFreePort; first+p.Container.Len()-1 <= lastPort; first++ {
		p.Host = resource.PortRange{First: first, Last: first + p.Container.Len() - 1}
		if free(p) {
			return p, true
		}
	}
	a.diags.Errorf(a.declared(p.cell), p.cell, "No free port", "cell %s publishes port %s of its own, but no port of the host from %d up is free for it: name one.", p.cell, p.Container, firstFreePort)
	return p, false
}
