package resource

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Port is a port, or a range of ports, that a cell publishes: an entry of [Container.Ports].
type Port struct {
	// HostIP is the address of the host to listen on; invalid for all of them.
	HostIP netip.Addr
	// Host is the range on the host; the planner chooses for a zero one.
	Host PortRange
	// Container is the range in the cell, as long as Host.
	Container PortRange
	// Protocol is tcp, udp or sctp.
	Protocol string
}

// PortRange is a range of port numbers, both ends included.
type PortRange struct{ First, Last int }

// Len returns the number of ports in the range.
func (r PortRange) Len() int { return r.Last - r.First + 1 }

func (r PortRange) String() string {
	if r.First == r.Last {
		return strconv.Itoa(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// ParsePort reads [[hostIP:]hostPort:]containerPort[/tcp|/udp|/sctp], with brackets around an IPv6 address. The error
// cites the wrong part and describes a right one.
func ParsePort(s string) (Port, error) {
	p := Port{Protocol: "tcp"}
	rest := s
	if before, proto, ok := strings.Cut(s, "/"); ok {
		rest, p.Protocol = before, strings.ToLower(proto)
		if p.Protocol != "tcp" && p.Protocol != "udp" && p.Protocol != "sctp" {
			return p, fmt.Errorf("%q ends in the protocol %q; those known are tcp, udp and sctp", abbreviate(s), abbreviate(proto))
		}
	}
	host, container := "", rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		host, container = rest[:i], rest[i+1:]
	}
	ip := ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		ip, host = host[:i], host[i+1:]
	}
	var err error
	if p.Container, err = ParsePortRange(container); err != nil {
		return p, fmt.Errorf("%q: %w", abbreviate(s), err)
	}
	if strings.Contains(rest, ":") {
		if p.Host, err = ParsePortRange(host); err != nil {
			return p, fmt.Errorf("%q: %w", abbreviate(s), err)
		}
		if p.Host.Last-p.Host.First != p.Container.Last-p.Container.First {
			return p, fmt.Errorf("%q maps %d ports of the host to %d of the container; make the ranges equally long", abbreviate(s),
				p.Host.Last-p.Host.First+1, p.Container.Last-p.Container.First+1)
		}
	}
	if strings.Count(rest, ":") > 1 {
		if p.HostIP, err = netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(ip, "["), "]")); err != nil || p.HostIP.Zone() != "" {
			return p, fmt.Errorf("%q begins with %q, which is no IP address; write for example 127.0.0.1:8080:80", abbreviate(s), abbreviate(ip))
		}
	}
	return p, nil
}

// ParseEgressPort reads an entry of [EgressRule.Ports], port[/tcp|/udp|/sctp] or a range such as 8000-8010, and returns
// the ports and the protocol.
func ParseEgressPort(s string) (PortRange, string, error) {
	if strings.Contains(s, ":") {
		return PortRange{}, "", fmt.Errorf("%q has more than the port of the destination; write that alone, such as 443 or 53/udp", abbreviate(s))
	}
	p, err := ParsePort(s)
	return p.Container, p.Protocol, err
}

// ParsePortRange reads a port or a range such as 8000-8010.
func ParsePortRange(s string) (PortRange, error) {
	first, last, isRange := strings.Cut(s, "-")
	from, err := parsePortNumber(first)
	if err != nil || !isRange {
		return PortRange{from, from}, err
	}
	to, err := parsePortNumber(last)
	if err == nil && from > to {
		err = fmt.Errorf("the range %q runs backwards; write the lower port first", abbreviate(s))
	}
	return PortRange{from, to}, err
}

func parsePortNumber(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a port: a port is a number from 1 to 65535", abbreviate(s))
	}
	return int(n), nil
}

// String returns the shortest form.
func (p Port) String() string {
	s := p.Container.String()
	if p.Host.First != 0 {
		s = p.Host.String() + ":" + s
	}
	if p.HostIP.IsValid() {
		ip := p.HostIP.String()
		if p.HostIP.Is6() {
			ip = "[" + ip + "]"
		}
		s = ip + ":" + s
	}
	if p.Protocol != "tcp" {
		s += "/" + p.Protocol
	}
	return s
}

// Clashes reports whether p and q need the same port of the host.
func (p Port) Clashes(q Port) bool {
	if p.Host.First == 0 || q.Host.First == 0 || p.Protocol != q.Protocol {
		return false
	}
	if p.Host.Last < q.Host.First || q.Host.Last < p.Host.First {
		return false
	}
	anywhere := func(p, q Port) bool {
		return !p.HostIP.IsValid() || p.HostIP.IsUnspecified() && (!q.HostIP.IsValid() || p.HostIP.Is4() == q.HostIP.Is4())
	}
	return p.HostIP == q.HostIP || anywhere(p, q) || anywhere(q, p)
}
