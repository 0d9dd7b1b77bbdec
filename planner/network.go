package planner

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/internal/allocate"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// DefaultSubnetPool is the pool that the subnets of spaces are chosen from.
const DefaultSubnetPool = allocate.DefaultPool

// decideNetworks gives each space its subnet, and each cell its addresses, its host ports and its names. It comes
// after all other decisions, and adds changes where the network is all that changes.
func (d *decider) decideNetworks() {
	d.checkPlugins()
	networks, diags := allocate.Networks(d.allocation())
	d.diags = append(d.diags, diags...)
	for _, p := range d.order {
		if n := networks[p]; n != nil {
			d.decideNetwork(p, n)
		}
	}
	if d.diags.HasErrors() {
		return // an error more for each cell would help nobody
	}
	d.checkFirewalls()
	d.checkForeignCells()
	cells, diags := allocate.Cells(d.allocation())
	d.diags = append(d.diags, diags...)
	for _, p := range d.order {
		if a := cells[p]; a != nil {
			d.decideAttachment(p, a)
		}
	}
	d.decideNames()
}

// allocation returns what the allocation of names, subnets, addresses and ports follows from, as far as it is decided.
func (d *decider) allocation() allocate.Input {
	in := allocate.Input{
		Desired: d.desired, Prior: d.prior, Actual: d.actual, Paths: d.order, After: map[resource.Path]*state.Record{}, Owned: map[resource.Path]bool{},
		Pool: d.opts.SubnetPool, Left: map[resource.Path]*state.Network{}, Names: d.host(),
	}
	maps.Copy(in.After, d.prior.Records)
	for p, c := range d.changes {
		in.After[p] = c.After
	}
	for _, p := range d.order {
		if k := p.Kind(); (k == resource.KindSpace || k == resource.KindCell) && d.owns(p) {
			in.Owned[p] = true
		}
	}
	for p, o := range d.orphans {
		if o.network != nil {
			in.Left[p] = o.network
		}
	}
	return in
}

// owns reports whether the plan may change the network of the space or cell at p, which there will be: one that
// is desired, or in which something desired lies, or that must move with the subnet of a space, or that stays while a
// container of it is destroyed.
func (d *decider) owns(p resource.Path) bool {
	r := d.after(p)
	if r == nil || !d.ours(r.Status.Project) && r.Status.Project != "" {
		return false
	}
	if d.opts.Destroy {
		return d.losesContainer(p)
	}
	if want := d.desired.Resource(p); want != nil {
		return !want.External && d.targeted(p)
	}
	above := len(d.targets) == 0 || slices.ContainsFunc(d.targets, p.Contains)
	return d.needed[p] && (above || d.targeted(p)) || slices.Contains(d.moving, p)
}

// losesContainer reports whether a container directly below p goes, and with it what the cell publishes and is called for
// its sake.
func (d *decider) losesContainer(p resource.Path) bool {
	for _, c := range d.changes {
		if c.Path.Parent() == p && c.Path.Kind() == resource.KindContainer && c.Action == plan.Delete {
			return true
		}
	}
	return false
}

// after returns the record that the resource at p will have, or nil.
func (d *decider) after(p resource.Path) *state.Record {
	if c := d.changes[p]; c != nil {
		return c.After
	}
	return d.prior.Records[p]
}

// ensure returns the change of a recorded resource, an update if there was none.
func (d *decider) ensure(p resource.Path) *plan.Change {
	c := d.changes[p]
	if c == nil {
		before := d.prior.Records[p]
		after := *before
		c = &plan.Change{Path: p, Action: plan.Update, Before: before, After: &after}
		d.changes[p] = c
	}
	return c
}

func (d *decider) checkPlugins() {
	if len(d.actual.MissingPlugins) == 0 {
		return
	}
	for _, r := range d.desired.Resources() {
		if k := r.Path.Kind(); !r.External && (k == resource.KindSpace || k == resource.KindCell || k == resource.KindContainer) {
			d.diags.Errorf(r.Declared, r.Path, "CNI plugins are missing",
				"%s %s needs a network, but this host lacks %s: install them (apt-get install containernetworking-plugins iptables), or name their directory with --cni-bin-dir.",
				k.Lower(), r.Path, strings.Join(d.actual.MissingPlugins, ", "))
			return
		}
	}
}

// checkFirewalls tells of other firewalls of this host that cut spaces off: kuke's rules can't overrule them.
func (d *decider) checkFirewalls() {
	for _, chain := range d.actual.Dropping {
		for _, p := range d.order {
			if p.Kind() == resource.KindSpace && d.owns(p) && slices.Contains(chain.Bridges, d.bridgeOf(p)) {
				d.diags.Warnf(d.declared(p), p, "Packets are dropped",
					"%s drops forwarded packets, those of space %s too: its published ports can't be reached from outside, and its cells reach nothing outside. Let the packets of cells pass: %s.", chain.Name, p, chain.Fix)
				break
			}
		}
	}
}

// bridgeOf returns the name of the bridge that the space has or will have.
func (d *decider) bridgeOf(space resource.Path) string {
	if n := d.networkOf(space); n != nil {
		return n.Bridge
	}
	return resource.BridgeName(space)
}

// checkForeignCells makes sure that no container wants a cell changed that the plan may not change.
func (d *decider) checkForeignCells() {
	for _, r := range d.desired.Resources() {
		spec, ok := r.Spec.(*resource.Container)
		if !ok || r.External || !d.targeted(r.Path) || d.owns(r.Path.Parent()) || d.after(r.Path) == nil {
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
func (d *decider) decideNetwork(p resource.Path, network *state.Network) {
	var had *state.Network
	if prior := d.prior.Records[p]; prior != nil {
		had = prior.Status.Network
	}
	drift := d.actual.Networks[p]
	if had != nil && reflect.DeepEqual(had, network) && len(drift) == 0 && d.changes[p] == nil {
		return
	}
	c := d.ensure(p)
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

// declared returns where the resource at p is declared.
func (d *decider) declared(p resource.Path) resource.Range {
	if r := d.desired.Resource(p); r != nil {
		return r.Declared
	}
	return resource.Range{}
}
