package plan

import (
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/kukeon/kuke/planner/state"
)

// CNINetwork is a CNI network that a file configures.
type CNINetwork struct {
	Name, File string
	Subnets    []netip.Prefix
	// Path, Project and Bridge are those of the space whose network it is; empty for other CNI networks.
	Path, Project, Bridge string
}

// NetworkOfSpace returns a CNI network of the host as the network of a space, whose path may have changed since the network's
// creation, or nil where it is not the network of a space.
func NetworkOfSpace(n *CNINetwork) *state.Network {
	subnet, subnet6, ok := n.OwnSubnets()
	if !ok {
		return nil
	}
	network := &state.Network{
		Name: n.Name, File: filepath.Base(n.File), Bridge: n.Bridge, Subnet: subnet.String(), Gateway: subnet.Addr().Next().String(),
	}
	if subnet6.IsValid() {
		network.Subnet6, network.Gateway6 = subnet6.String(), subnet6.Addr().Next().String()
	}
	if !wellNamed(network) {
		return nil
	}
	return network
}

// OwnSubnets returns the IPv4 subnet and the IPv6 subnet of the network of a space, an invalid one where it has no IPv6. ok is
// false where the subnets are not those of a space.
func (n *CNINetwork) OwnSubnets() (subnet, subnet6 netip.Prefix, ok bool) {
	for _, p := range n.Subnets {
		of := &subnet
		if p.Addr().Is6() {
			of = &subnet6
		}
		if of.IsValid() {
			return subnet, subnet6, false
		}
		*of = p
	}
	return subnet, subnet6, subnet.IsValid()
}

// wellNamed reports whether a network of a space can have these names.
func wellNamed(n *state.Network) bool {
	name, isOurs := strings.CutPrefix(n.Name, "kukeon-")
	bridge, isBridge := strings.CutPrefix(n.Bridge, "kuke-")
	plain := func(text string) bool {
		return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
	}
	return isOurs && isBridge && plain(name) && plain(bridge) && n.File == name+".conflist"
}

// Route is a subnet that the host reaches through a device.
type Route struct {
	Prefix netip.Prefix
	Device string
}

// DroppingChain is a chain of another firewall that drops forwarded packets.
type DroppingChain struct {
	// Name says where the chain is, and Fix holds the commands that let the packets of all spaces pass in it.
	Name, Fix string
	// Bridges are the names of those whose packets it drops.
	Bridges []string
}
