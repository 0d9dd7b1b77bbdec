package planner

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

// decidePorts settles the ports that cells publish, and makes sure that nobody else on this host has them.
func (d *decider) decidePorts(cells map[resource.Path]*state.Attachment) {
	var taken []publisher
	for _, p := range d.prior.Paths() {
		if cells[p] == nil && d.after(p) != nil && d.attachmentOf(p) != nil {
			for _, text := range d.attachmentOf(p).Published {
				if port, err := resource.ParsePort(text); err == nil {
					taken = append(taken, publisher{port, p})
				}
			}
		}
	}
	var open []publisher
	for _, p := range d.order {
		if cells[p] == nil {
			continue
		}
		for _, port := range d.portsOf(p) {
			if !d.checkAddress(publisher{port, p}) {
				continue
			}
			if port.Host.First == 0 {
				open = append(open, publisher{port, p})
				continue
			}
			d.checkPort(publisher{port, p}, taken)
			taken = append(taken, publisher{port, p})
		}
	}
	for _, o := range open {
		if chosen, ok := d.choosePort(o, taken); ok {
			taken = append(taken, chosen)
		}
	}
	for _, t := range taken {
		if a := cells[t.cell]; a != nil && !slices.Contains(a.Published, t.String()) {
			a.Published = append(a.Published, t.String())
		}
	}
	for _, a := range cells {
		slices.Sort(a.Published)
	}
}

// portsOf returns the ports that the containers of a cell publish.
func (d *decider) portsOf(cell resource.Path) []resource.Port {
	var all []resource.Port
	seen := map[string]bool{}
	for _, r := range d.containersOf(cell) {
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

// checkAddress refuses an address of the host that CNI's portmap can't publish ports on, and tells of one that the host
// doesn't have: it may be a mistake, or one that comes and goes.
func (d *decider) checkAddress(p publisher) bool {
	have := d.actual.Addresses
	switch {
	case !p.HostIP.IsValid() || p.HostIP.IsUnspecified() && p.HostIP.Is4():
	case !p.HostIP.Is4():
		d.diags.Errorf(d.portRange(p), p.cell, "Unsupported host address", "cell %s is to publish %s, but cells have IPv4 addresses only, and their ports are published on such: name one, or none for all.", p.cell, p.Port)
		return false
	case len(have) > 0 && !p.HostIP.IsLoopback() && !slices.Contains(have, p.HostIP):
		d.diags.Warnf(d.portRange(p), p.cell, "Not an address of this host", "cell %s publishes %s, but no interface of this host has the address %s: nothing is served there until one has. Its addresses are %s.", p.cell, p.Port, p.HostIP, addressList(have))
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
func (d *decider) checkPort(p publisher, taken []publisher) {
	for _, t := range taken {
		if t.Clashes(p.Port) {
			d.diags.Errorf(d.portRange(p), p.cell, "Host port is taken", "cell %s is to publish %s, but cell %s publishes %s: choose another port of the host.", p.cell, p.Port, t.cell, t.Port)
			return
		}
	}
	d.checkUnused(p)
}

// checkUnused refuses a port that somebody else than kuke has on this host.
func (d *decider) checkUnused(p publisher) {
	if why := d.usedBy(p); why != "" {
		d.diags.Errorf(d.portRange(p), p.cell, "Host port is taken", "cell %s is to publish %s, but %s: choose another port of the host, or end what has it.", p.cell, p.Port, why)
	}
}

// portRange returns where the port is written.
func (d *decider) portRange(p publisher) resource.Range {
	for _, r := range d.containersOf(p.cell) {
		if want := d.desired.Resource(r.Path); want != nil {
			if at, ok := want.Ranges[fmt.Sprintf("ports[%q]", p.String())]; ok {
				return at
			}
		}
	}
	return d.declared(p.cell)
}

// usedBy says who else on the host has the port, or returns "". Those that kuke publishes already are its own.
func (d *decider) usedBy(p publisher) string {
	if had := d.attachmentOf(p.cell); had != nil && slices.Contains(had.Published, p.String()) {
		return ""
	}
	for _, s := range d.actual.Sockets {
		if s.OnlyIPv6 {
			continue // cells publish on IPv4
		}
		addr := s.Addr.Unmap()
		if addr == netip.IPv6Unspecified() {
			addr = netip.Addr{} // such a socket takes IPv4 too
		}
		if p.Clashes(single(s.Protocol, addr, int(s.Port))) {
			return fmt.Sprintf("something on this host listens on %s/%s", netip.AddrPortFrom(s.Addr, s.Port), s.Protocol)
		}
	}
	for _, m := range d.actual.Mappings {
		if d.ownMapping(m) {
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

// ownMapping reports whether a mapping is that of a cell: those are compared by what is recorded.
func (d *decider) ownMapping(m plan.PortMapping) bool {
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
func (d *decider) choosePort(p publisher, taken []publisher) (publisher, bool) {
	free := func(candidate publisher) bool {
		clash := slices.ContainsFunc(taken, func(t publisher) bool { return t.Clashes(candidate.Port) })
		return !clash && d.usedBy(candidate) == ""
	}
	if had := d.attachmentOf(p.cell); had != nil {
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
	d.diags.Errorf(d.declared(p.cell), p.cell, "No free port", "cell %s publishes port %s of its own, but no port of the host from %d up is free for it: name one.", p.cell, p.Container, firstFreePort)
	return p, false
}
