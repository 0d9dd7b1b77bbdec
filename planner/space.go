package planner

import (
	"reflect"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// decideNetwork adds to the change of a space its network, and the differences from that on the host.
func (d *networks) decideNetwork(p resource.Path, network *state.Network) {
	var had *state.Network
	if prior := d.in.prior.Records[p]; prior != nil {
		had = prior.Status.Network
	}
	drift := d.in.actual.Networks[p]
	if had != nil && reflect.DeepEqual(had, network) && len(drift) == 0 && d.draft.changes[p] == nil {
		return
	}
	c := d.draft.ensure(p)
	c.After.Status.Network = network
	if c.Action == plan.Update {
		c.Reasons = append(c.Reasons, drift...)
		d.draft.repaired[p] = append(d.draft.repaired[p], drift...)
		if had == nil {
			c.Reasons = append(c.Reasons, "it has no network yet")
		}
	}
	c.Diffs = append(c.Diffs, computed("subnet", networkSubnet(had, c), network.Subnet)...)
	before := ""
	if had != nil && c.Action == plan.Update {
		before = had.Subnet6
	}
	c.Diffs = append(c.Diffs, computed("subnet6", before, network.Subnet6)...)
}

// networkSubnet is the subnet to show as the one before c.
func networkSubnet(had *state.Network, c *plan.Change) string {
	if had == nil || c.Action != plan.Update {
		return ""
	}
	return had.Subnet
}

// checkFirewalls tells of other firewalls of this host that cut spaces off: kuke's rules can't overrule them.
func (d *networks) checkFirewalls() {
	for _, chain := range d.in.actual.Dropping {
		for _, p := range d.draft.order {
			if p.Kind() == resource.KindSpace && d.draft.owns(p) && slices.Contains(chain.Bridges, d.draft.bridgeOf(p)) {
				d.diags.Warnf(d.in.declared(p), p, "Packets are dropped",
					"%s drops forwarded packets, those of space %s too: its published ports can't be reached from outside, and its cells reach nothing outside. Let the packets of cells pass: %s.", chain.Name, p, chain.Fix)
				break
			}
		}
	}
}
