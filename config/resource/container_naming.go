package resource

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"sync"
)

// Naming is how a container and its cell are called, and how they find others. All of it holds for the whole cell: the values
// of the root container count, and the other containers may only repeat them, see [Container.Contradicts].
type Naming struct {
	Network    string   `json:"network,omitempty" kuke:"early,replace,check=networkmode,default=space" doc:"Network of the cell: that of its space (space), the host's own (host), which is no isolation at all, or only a loopback (none). It is the one of the root container."`
	Hostname   string   `json:"hostname,omitempty" kuke:"replace,check=hostname" doc:"Host name of the cell, also with a domain: db1 or db1.example.com. It is the one of the root container. Default: the name of the cell."`
	Domainname string   `json:"domainname,omitempty" kuke:"replace,check=domainname" doc:"Domain name of the cell, for its fully qualified host name. It is the one of the root container."`
	DNS        []string `json:"dns,omitempty" kuke:"live,check=resolver" doc:"Addresses of the DNS servers of the cell, of which libc asks the first three. They are those of the root container. Default: the host's servers, without those at loopback addresses."`
	DNSSearch  []string `json:"dnsSearch,omitempty" kuke:"live,check=searchdomain" doc:"Domains that the cell appends to short names when it asks a DNS server; \".\" for none. They are those of the root container. Default: the host's."`
	DNSOptions []string `json:"dnsOptions,omitempty" kuke:"live,check=resolveroption" doc:"Options of the resolver in the cell, such as ndots:2 or timeout:1. They are those of the root container. Default: the host's."`
	MACAddress string   `json:"macAddress,omitempty" kuke:"live,check=mac" doc:"MAC address of the cell in its space, such as 02:42:ac:11:00:02. It is the one of the root container. Default: one that follows from the IPv4 address."`
	ExtraHosts []string `json:"extraHosts,omitempty" kuke:"live,type=set,check=extrahost" doc:"Further names in the /etc/hosts of the cell: name:address, with an IPv6 address in brackets. The address host-gateway is the host's in the space of the cell. They are those of the root container."`
}

// namingAttributes describe the fields of [Naming].
var namingAttributes = sync.OnceValue(func() []*Attribute { return attributesOf(reflect.TypeFor[Naming](), nil) })

// Contradicts returns the name of an attribute of the whole cell that c gives another value than the cell's root container
// does, or "".
func (c *Container) Contradicts(root *Container) string {
	for _, a := range namingAttributes() {
		mine, roots := a.Field(reflect.ValueOf(&c.Naming)), a.Field(reflect.ValueOf(&root.Naming))
		if !mine.IsZero() && !reflect.DeepEqual(mine.Interface(), roots.Interface()) {
			return a.Name
		}
	}
	return ""
}

// NamingOf returns the name of the first attribute of [Naming] that c sets, or "".
func NamingOf(c *Container) string { return c.Contradicts(&Container{}) }

// The networks of a cell besides that of its space, in [Naming.Network].
const (
	NetworkHost = "host"
	NetworkNone = "none"
)

// HostGateway takes the place of an address in [Naming.ExtraHosts]: the address that the host has in the space of the cell.
const HostGateway = "host-gateway"

// ExtraHost is an entry of [Naming.ExtraHosts].
type ExtraHost struct {
	Name string
	// Address is invalid for [HostGateway].
	Address netip.Addr
}

// ParseExtraHost reads name:address or name=address, where brackets may surround the address.
func ParseExtraHost(s string) (ExtraHost, error) {
	at := strings.IndexAny(s, ":=")
	if at < 0 {
		return ExtraHost{}, fmt.Errorf("%q has no address; write name:address, such as \"db:10.1.2.3\"", s)
	}
	name, text := s[:at], s[at+1:]
	if err := CheckHostName(name); err != nil {
		return ExtraHost{}, err
	}
	if text == HostGateway {
		return ExtraHost{Name: name}, nil
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		text = strings.TrimSuffix(inner, "]")
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return ExtraHost{}, fmt.Errorf("%q is not an IP address; write name:address, such as \"db:10.1.2.3\", \"db:[2001:db8::1]\" or \"db:%s\"", text, HostGateway)
	}
	return ExtraHost{name, addr.Unmap()}, nil
}

// String returns the normal form: name:address, with an IPv6 address in brackets.
func (h ExtraHost) String() string {
	switch {
	case !h.Address.IsValid():
		return h.Name + ":" + HostGateway
	case h.Address.Is6():
		return h.Name + ":[" + h.Address.String() + "]"
	}
	return h.Name + ":" + h.Address.String()
}

// CheckHostName refuses text that can't be a host name: labels of letters, digits, "-" and "_", with dots between them.
func CheckHostName(s string) error {
	switch {
	case s == "":
		return errors.New("a host name is missing; write letters, digits and \"-\", such as \"db1\"")
	case strings.ContainsFunc(s, func(r rune) bool { return !hostNameRune(r) }):
		return fmt.Errorf("%q is no host name: it takes letters, digits, \"-\", \"_\" and \".\"", s)
	}
	for label := range strings.SplitSeq(s, ".") {
		switch {
		case label == "":
			return fmt.Errorf("%q is no host name: a dot stands between two names", s)
		case strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-"):
			return fmt.Errorf("%q is no host name: no part of it begins or ends with \"-\"", s)
		}
	}
	return nil
}

func hostNameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.'
}
