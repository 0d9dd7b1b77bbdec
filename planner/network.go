package planner

import (
	"reflect"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/internal/allocate"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// DefaultSubnetPool is the pool that the subnets of spaces are chosen from.
const DefaultSubnetPool = allocate.DefaultPool

// networks decides on the networks of spaces and cells.
type networks struct {
	in    *input
	draft *draft
	check *hostCheck
	diags *resource.Diagnostics
	// names are those of cells in the spaces in which /etc/hosts files are written.
	names []plan.SpaceNames
}

// decideNetworks gives each space its subnet, and each cell its addresses, its host ports and its names. It comes
// after all other decisions, and adds changes where the network is all that changes.
func (d *networks) decideNetworks() {
	d.check.checkPlugins()
	spaces, found := allocate.Networks(d.draft.allocation())
	*d.diags = append(*d.diags, found...)
	for _, p := range d.draft.order {
		if n := spaces[p]; n != nil {
			d.decideNetwork(p, n)
		}
	}
	if d.diags.HasErrors() {
		return // an error more for each cell would help nobody
	}
	d.checkFirewalls()
	d.checkForeignCells()
	cells, found := allocate.Cells(d.draft.allocation())
	*d.diags = append(*d.diags, found...)
	for _, p := range d.draft.order {
		if a := cells[p]; a != nil {
			d.decideAttachment(p, a)
		}
	}
	d.decideNames()
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

// checkForeignCells makes sure that no container wants a cell changed that the plan may not change.
func (d *networks) checkForeignCells() {
	for _, r := range d.in.desired.Resources() {
		spec, ok := r.Spec.(*resource.Container)
		if !ok || r.External || !d.draft.targeted(r.Path) || d.draft.owns(r.Path.Parent()) || d.draft.after(r.Path) == nil {
			continue
		}
		name := ""
		switch {
		case len(spec.Ports) > 0:
			name = "ports"
		case len(spec.Networks) > 0:
			name = "networks"
		case len(spec.NetworksAliases) > 0:
			name = "networksAliases"
		default:
			continue
		}
		d.diags.Errorf(r.RangeOf(name), r.Path, "Cell is managed elsewhere", "container %s sets %s, which concerns all of cell %s, but that is not managed here: set it where the cell is declared.", r.Path, name, r.Path.Parent())
	}
}

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
		if had == nil {
			c.Reasons = append(c.Reasons, "it has no network yet")
		}
	}
	c.Diffs = append(c.Diffs, computed("subnet", networkSubnet(had, c), network.Subnet)...)
}

// networkSubnet is the subnet to show as the one before c.
func networkSubnet(had *state.Network, c *plan.Change) string {
	if had == nil || c.Action != plan.Update {
		return ""
	}
	return had.Subnet
}

// computed returns the difference of a value that kuke chooses; empty stands for none.
func computed(name, before, after string) []plan.Diff {
	if before == after {
		return nil
	}
	df := plan.Diff{Name: name, Computed: true}
	if before != "" {
		df.Before = before
	}
	if after != "" {
		df.After = after
	}
	return []plan.Diff{df}
}
