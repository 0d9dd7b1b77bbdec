package network

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Survey holds the facts about the host that the choice of subnets and ports needs. kuke's own networks are included.
type Survey struct {
	// Routes are the IPv4 and IPv6 routes of the main table and the networks of the addresses of all interfaces, in order and
	// without default routes.
	Routes []Route
	// Addresses are the addresses of all interfaces, in order, without link-local ones of IPv6.
	Addresses []netip.Addr
	// Networks are the CNI configurations in [Config.ConfDir].
	Networks []Conflist
	// Listening are the listening TCP sockets and the bound UDP sockets.
	Listening []Socket
	// Published are the ports that iptables forwards.
	Published []Published
}

var allProtocols = protocol{family: netlink.FAMILY_ALL}

// Route is a network that the host can reach.
type Route struct {
	Prefix netip.Prefix
	// Device is the name of the interface; empty for a route that has none, like a blackhole.
	Device string
}

// Conflist is a CNI configuration.
type Conflist struct {
	Name string
	// File is the path.
	File string
	// Subnets are the subnets of its IPAM.
	Subnets []netip.Prefix
	// Path, Project and Bridge are the values of a network that Create created; empty for others.
	Path, Project, Bridge string
}

// Survey inspects the host and changes nothing. Without ports it leaves out Listening and Published,
// which cost time, and without ipv6 the ports that are published on IPv6.
func (h *Host) Survey(ports, ipv6 bool) (*Survey, error) {
	s := &Survey{}
	have, err := allProtocols.addresses(nil)
	if err != nil {
		return nil, fmt.Errorf("survey the network: %w", err)
	}
	if s.Routes, err = routes(have); err != nil {
		return nil, fmt.Errorf("survey the network: %w", err)
	}
	for _, a := range have {
		s.Addresses = append(s.Addresses, prefixOf(a).Addr())
	}
	slices.SortFunc(s.Addresses, netip.Addr.Compare)
	if s.Networks, err = conflists(h.config.ConfDir); err != nil {
		return nil, fmt.Errorf("survey the network: %w", err)
	}
	if !ports {
		return s, nil
	}
	if s.Listening, err = listening(); err != nil {
		return nil, fmt.Errorf("survey the network: %w", err)
	}
	if s.Published, err = publishedPorts(ipv6); err != nil {
		return nil, fmt.Errorf("survey the network: %w", err)
	}
	return s, nil
}

func routes(have []netlink.Addr) ([]Route, error) {
	links, err := again(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	main := &netlink.Route{Table: unix.RT_TABLE_MAIN}
	entries, err := again(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(netlink.FAMILY_ALL, main, netlink.RT_FILTER_TABLE)
	})
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	var found []Route
	for _, e := range entries {
		if len(e.MultiPath) > 0 {
			e.LinkIndex = e.MultiPath[0].LinkIndex
		}
		found = append(found, Route{Prefix: prefix(e.Dst), Device: names[e.LinkIndex]})
	}
	for _, a := range have {
		found = append(found, Route{Prefix: prefixOf(a).Masked(), Device: names[a.LinkIndex]})
	}
	found = slices.DeleteFunc(found, func(r Route) bool { return !r.Prefix.IsValid() || r.Prefix.Bits() == 0 })
	slices.SortFunc(found, func(a, b Route) int {
		return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()),
			cmp.Compare(a.Device, b.Device))
	})
	return slices.Compact(found), nil
}

// conflists skips broken files: CNI reports them to their owners.
func conflists(dir string) ([]Conflist, error) {
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list CNI configurations: %w", err)
	}
	var found []Conflist
	for _, f := range files {
		switch filepath.Ext(f.Name()) {
		case ".conflist", ".conf", ".json":
		default:
			continue
		}
		path := filepath.Join(dir, f.Name())
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		var content map[string]any
		if json.Unmarshal(text, &content) != nil {
			continue
		}
		value := func(key string) string {
			s, _ := content[key].(string)
			return s
		}
		subnets := subnetsIn(content, false)
		slices.SortFunc(subnets, func(a, b netip.Prefix) int { return cmp.Compare(a.String(), b.String()) })
		list := Conflist{Name: value("name"), File: path, Subnets: slices.Compact(subnets), Path: value("kukeon.io/path"), Project: value("kukeon.io/project")}
		if plugins, _ := content["plugins"].([]any); list.Path != "" && len(plugins) > 0 {
			first, _ := plugins[0].(map[string]any)
			list.Bridge, _ = first["bridge"].(string)
		}
		found = append(found, list)
	}
	return found, nil
}

// subnetsIn finds the values of all keys "subnet" and "subnet6" below any key "ipam".
func subnetsIn(v any, inIPAM bool) []netip.Prefix {
	var found []netip.Prefix
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			found = append(found, subnetsIn(e, inIPAM)...)
		}
	case map[string]any:
		for key, e := range v {
			text, ok := e.(string)
			if p, err := netip.ParsePrefix(text); ok && inIPAM && (key == "subnet" || key == "subnet6") && err == nil {
				found = append(found, p.Masked())
			}
			found = append(found, subnetsIn(e, inIPAM || key == "ipam")...)
		}
	}
	return found
}
