package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// port is a published port or range of ports.
type port struct {
	ip        netip.Addr // invalid: every address
	host      ports      // zero: no port of the host
	container ports
	proto     string // tcp, udp or sctp
}

// ports is a range of port numbers, both ends included.
type ports struct{ first, last int }

func (p ports) String() string {
	if p.first == p.last {
		return strconv.Itoa(p.first)
	}
	return fmt.Sprintf("%d-%d", p.first, p.last)
}

// checkPort reads a port and returns it in its shortest form.
func checkPort(s string) (string, error) {
	p, err := parsePort(s)
	if err != nil {
		return "", err
	}
	return p.String(), nil
}

// parsePort reads [[hostIP:]hostPort:]containerPort[/tcp|/udp|/sctp]. An IPv6 address stands in brackets.
func parsePort(s string) (port, error) {
	p := port{proto: "tcp"}
	rest := s
	if before, proto, ok := strings.Cut(s, "/"); ok {
		rest, p.proto = before, strings.ToLower(proto)
		if p.proto != "tcp" && p.proto != "udp" && p.proto != "sctp" {
			return p, fmt.Errorf("%q ends in the protocol %q; those known are tcp, udp and sctp", shorten(s), shorten(proto))
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
	if p.container, err = parsePorts(container); err != nil {
		return p, fmt.Errorf("%q: %w", shorten(s), err)
	}
	if strings.Contains(rest, ":") {
		if p.host, err = parsePorts(host); err != nil {
			return p, fmt.Errorf("%q: %w", shorten(s), err)
		}
		if p.host.last-p.host.first != p.container.last-p.container.first {
			return p, fmt.Errorf("%q maps %d ports of the host to %d of the container; make the ranges equally long", shorten(s),
				p.host.last-p.host.first+1, p.container.last-p.container.first+1)
		}
	}
	if strings.Count(rest, ":") > 1 {
		if p.ip, err = netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(ip, "["), "]")); err != nil || p.ip.Zone() != "" {
			return p, fmt.Errorf("%q begins with %q, which is no IP address; write for example 127.0.0.1:8080:80 or [::1]:8080:80", shorten(s), shorten(ip))
		}
	}
	return p, nil
}

func parsePorts(s string) (ports, error) {
	first, last, isRange := strings.Cut(s, "-")
	from, err := parseNumber(first)
	if err != nil || !isRange {
		return ports{from, from}, err
	}
	to, err := parseNumber(last)
	if err == nil && from > to {
		err = fmt.Errorf("the range %q runs backwards; write the lower port first", shorten(s))
	}
	return ports{from, to}, err
}

func parseNumber(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a port: a port is a number from 1 to 65535", shorten(s))
	}
	return int(n), nil
}

func (p port) String() string {
	s := p.container.String()
	if p.host.first != 0 {
		s = p.host.String() + ":" + s
	}
	if p.ip.IsValid() {
		ip := p.ip.String()
		if p.ip.Is6() {
			ip = "[" + ip + "]"
		}
		s = ip + ":" + s
	}
	if p.proto != "tcp" {
		s += "/" + p.proto
	}
	return s
}

// clashes reports whether p and q can't both have their ports of the host.
func (p port) clashes(q port) bool {
	if p.host.first == 0 || q.host.first == 0 || p.proto != q.proto {
		return false
	}
	if p.host.last < q.host.first || q.host.last < p.host.first {
		return false
	}
	anywhere := func(p, q port) bool {
		return !p.ip.IsValid() || p.ip.IsUnspecified() && (!q.ip.IsValid() || p.ip.Is4() == q.ip.Is4())
	}
	return p.ip == q.ip || anywhere(p, q) || anywhere(q, p)
}
