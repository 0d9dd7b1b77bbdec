// Package attachment turns the recorded networks and attachments of spaces and cells into those of package network, and
// compares them.
package attachment

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/executor/internal/network"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Flaw describes the defect of the n-th interface of a cell, or returns "" for an interface that is sound or missing.
func Flaw(a *state.Attachment, n int, uplinks map[string]network.Uplink) string {
	u, ok := uplinks[a.Interfaces[n].Name]
	switch {
	case !ok:
		return ""
	case u.Bridge != a.Interfaces[n].Network.Bridge:
		return "is not attached to the bridge"
	case !u.Up:
		return "is down"
	case a.Interfaces[n].MAC != "" && a.Interfaces[n].MAC != u.MAC:
		return fmt.Sprintf("has the MAC address %s, not %s", u.MAC, a.Interfaces[n].MAC)
	case n == 0 && !u.Default:
		return "has no default route"
	case n == 0 && a.Interfaces[n].Address6 != "" && !u.Default6:
		return "has no default route of IPv6"
	}
	return ""
}

// Of returns the n-th interface of a cell in the terms of package network: the first has the default route and
// the published ports.
func Of(id string, a *state.Attachment, n int) (network.Attachment, error) {
	i := a.Interfaces[n]
	of, err := networkOf(&i.Network)
	if err != nil {
		return network.Attachment{}, err
	}
	address, err := netip.ParsePrefix(i.Address)
	if err != nil {
		return network.Attachment{}, fmt.Errorf("attach cell %s: %w", id, err)
	}
	attachment := network.Attachment{
		ID: id, NetNS: netns.Path(id), Interface: i.Name, Network: of, Address: address.Addr(), DefaultRoute: n == 0,
	}
	if i.Address6 != "" {
		address6, err := netip.ParsePrefix(i.Address6)
		if err != nil {
			return network.Attachment{}, fmt.Errorf("attach cell %s: %w", id, err)
		}
		attachment.Address6 = address6.Addr()
	}
	if i.MAC != "" {
		if attachment.MAC, err = net.ParseMAC(i.MAC); err != nil {
			return network.Attachment{}, fmt.Errorf("attach cell %s: %w", id, err)
		}
	}
	if n > 0 {
		return attachment, nil
	}
	for _, text := range a.Published {
		port, err := resource.ParsePort(text)
		if err != nil {
			return network.Attachment{}, fmt.Errorf("publish port %s of cell %s: %w", text, id, err)
		}
		for offset := range port.Host.Len() {
			attachment.Ports = append(attachment.Ports, network.PortMapping{
				HostIP: port.HostIP, HostPort: uint16(port.Host.First + offset), ContainerPort: uint16(port.Container.First + offset), Protocol: port.Protocol,
			})
		}
	}
	return attachment, nil
}

// Mappings returns the published ports of the host. It never returns nil, which would mean that the ports were not observed.
func Mappings(survey *network.Survey) []plan.PortMapping {
	mappings := []plan.PortMapping{}
	for _, m := range survey.Published {
		mappings = append(mappings, plan.PortMapping(m))
	}
	return mappings
}

// OfSpace returns the recorded network of a space in the terms of package network, with the space's rules.
func OfSpace(r *state.Record) (network.Network, error) {
	wanted, err := networkOf(r.Status.Network)
	if err != nil {
		return wanted, err
	}
	wanted.Path, wanted.Project = string(r.Path), r.Status.Project
	spec := r.Spec.(*resource.Space).Network
	if spec == nil {
		return wanted, nil
	}
	wanted.Internal = spec.Internal
	if spec.Egress == nil {
		return wanted, nil
	}
	wanted.Deny = spec.Egress.Default == resource.EgressDeny
	for _, rule := range spec.Egress.Allow {
		allowed, err := allowOf(rule)
		if err != nil {
			return wanted, fmt.Errorf("network %s: %w", wanted.Name, err)
		}
		wanted.Allow = append(wanted.Allow, allowed...)
	}
	return wanted, nil
}

// networkOf returns a recorded network in the terms of package network, without rules.
func networkOf(n *state.Network) (network.Network, error) {
	subnet, err := netip.ParsePrefix(n.Subnet)
	if err != nil {
		return network.Network{}, fmt.Errorf("network %s: %w", n.Name, err)
	}
	gateway, err := netip.ParseAddr(n.Gateway)
	if err != nil {
		return network.Network{}, fmt.Errorf("network %s: %w", n.Name, err)
	}
	of := network.Network{Name: n.Name, Bridge: n.Bridge, ConflistFile: n.File, Subnet: subnet, Gateway: gateway}
	if n.Subnet6 == "" {
		return of, nil
	}
	if of.Subnet6, err = netip.ParsePrefix(n.Subnet6); err != nil {
		return network.Network{}, fmt.Errorf("network %s: %w", n.Name, err)
	}
	if of.Gateway6, err = netip.ParseAddr(n.Gateway6); err != nil {
		return network.Network{}, fmt.Errorf("network %s: %w", n.Name, err)
	}
	return of, nil
}

// allowOf returns one entry for each port of the rule, or one for all of them.
func allowOf(rule resource.EgressRule) ([]network.Allow, error) {
	destination, err := netip.ParsePrefix(rule.CIDR)
	if err != nil {
		return nil, err
	}
	if len(rule.Ports) == 0 {
		return []network.Allow{{Destination: destination}}, nil
	}
	var allowed []network.Allow
	for _, text := range rule.Ports {
		ports, protocol, err := resource.ParseEgressPort(text)
		if err != nil {
			return nil, err
		}
		allowed = append(allowed, network.Allow{Destination: destination, Protocol: protocol, First: uint16(ports.First), Last: uint16(ports.Last)})
	}
	return allowed, nil
}
