package executor

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/network"
	"github.com/kukeon/kuke/planner/state"
)

// spaceKind makes spaces: a cgroup, and a network with its bridge, its CNI configuration and its firewall.
type spaceKind struct{ executor *Executor }

func (k spaceKind) create(_ context.Context, after *state.Record) error { return k.make(after, true) }

func (k spaceKind) update(_ context.Context, _, after *state.Record) error {
	return k.make(after, false)
}

func (k spaceKind) make(after *state.Record, created bool) error {
	if err := k.executor.makeCgroup(after); err != nil {
		return err
	}
	r := *after
	if n := after.Status.Network; n != nil {
		wanted, err := networkOfSpace(after)
		if err != nil {
			return err
		}
		made := *n
		if made.Firewall, err = k.executor.networks.Create(wanted); err != nil {
			return err
		}
		r.Status.Network = &made
	}
	return k.executor.record(&r, created)
}

func (k spaceKind) remove(_ context.Context, before *state.Record) error {
	if before.Status.Network != nil {
		wanted, err := networkOfSpace(before)
		if err != nil {
			return err
		}
		if err := k.executor.networks.Remove(wanted); err != nil {
			return err
		}
	}
	if err := k.executor.cgroups.Remove(before.Status.Cgroup); err != nil {
		return err
	}
	return k.executor.store.Delete(before.Path)
}

// networkOfSpace returns the recorded network of a space in the terms of package network, with the space's rules.
func networkOfSpace(r *state.Record) (network.Network, error) {
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
	return network.Network{Name: n.Name, Bridge: n.Bridge, ConflistFile: n.File, Subnet: subnet, Gateway: gateway}, nil
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
