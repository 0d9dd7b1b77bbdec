package planner

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// attach returns how each cell that there will be is attached: with the addresses it wants or has, or else free
// ones. Cells that the plan may not change are attached as they were.
func (d *decider) attach() map[resource.Path]*state.Attachment {
	cells := map[resource.Path]*state.Attachment{}
	pool := &addresses{d: d, used: map[resource.Path]map[netip.Addr]resource.Path{}}
	var waiting []func()
	for _, p := range d.order {
		if p.Kind() != resource.KindCell || d.after(p) == nil {
			continue
		}
		prior := d.attachmentOf(p)
		if !d.owns(p) {
			if prior != nil {
				pool.keep(p, prior)
			}
			continue
		}
		a := &state.Attachment{Names: d.namesOf(p)}
		cells[p] = a
		for i, space := range d.spacesOf(p) {
			a.Interfaces = append(a.Interfaces, state.Interface{Space: space})
			if !pool.settle(p, &a.Interfaces[i], prior) {
				waiting = append(waiting, func() { pool.allocate(p, &a.Interfaces[i]) })
			}
		}
		nameInterfaces(a, prior)
	}
	// What goes or gets another address still has its old one while others are made.
	for _, q := range d.prior.Paths() {
		if a := d.attachmentOf(q); a != nil {
			pool.keep(q, a)
		}
	}
	for _, allocate := range waiting {
		allocate()
	}
	return cells
}

func (d *decider) attachmentOf(p resource.Path) *state.Attachment {
	if r := d.prior.Records[p]; r != nil {
		return r.Status.Attachment
	}
	return nil
}

// containersOf returns the containers that the cell will have, in the order of their paths.
func (d *decider) containersOf(cell resource.Path) []*state.Record {
	var all []*state.Record
	for _, p := range d.order {
		if p.Parent() == cell {
			if r := d.after(p); r != nil {
				all = append(all, r)
			}
		}
	}
	slices.SortFunc(all, func(a, b *state.Record) int { return strings.Compare(string(a.Path), string(b.Path)) })
	return all
}

// spacesOf returns the spaces a cell is attached to, its own first.
func (d *decider) spacesOf(cell resource.Path) []resource.Path {
	spaces := []resource.Path{cell.Space()}
	for _, r := range d.containersOf(cell) {
		for _, name := range r.Spec.(*resource.Container).Networks {
			if p := cell.Realm().Join(name); !slices.Contains(spaces, p) {
				spaces = append(spaces, p)
			}
		}
	}
	slices.Sort(spaces[1:])
	return spaces
}

// namesOf returns what a cell is called in its spaces.
func (d *decider) namesOf(cell resource.Path) []string {
	var aliases []string
	for _, r := range d.containersOf(cell) {
		aliases = append(aliases, r.Spec.(*resource.Container).NetworksAliases...)
	}
	return cellNames(cell, aliases)
}

// cellNames returns the names of a cell whose containers have the given aliases.
func cellNames(cell resource.Path, aliases []string) []string {
	names := []string{cell.Name(), cell.Name() + "." + cell.Parent().Name()}
	slices.Sort(aliases)
	for _, alias := range slices.Compact(aliases) {
		if !slices.Contains(names, alias) {
			names = append(names, alias)
		}
	}
	return names
}

// nameInterfaces lets an interface that stays keep its name.
func nameInterfaces(a, prior *state.Attachment) {
	taken := map[string]bool{}
	for i := range a.Interfaces {
		if had := prior.In(a.Interfaces[i].Space); had != nil {
			a.Interfaces[i].Name = had.Name
			taken[had.Name] = true
		}
	}
	next := 0
	for i := range a.Interfaces {
		for a.Interfaces[i].Name == "" {
			if name := fmt.Sprint("eth", next); !taken[name] {
				a.Interfaces[i].Name = name
			}
			next++
		}
	}
}

// addresses hands out those of spaces.
type addresses struct {
	d    *decider
	used map[resource.Path]map[netip.Addr]resource.Path // by space
}

func (a *addresses) use(space resource.Path, addr netip.Addr, cell resource.Path) {
	if a.used[space] == nil {
		a.used[space] = map[netip.Addr]resource.Path{}
	}
	a.used[space][addr] = cell
}

func (a *addresses) keep(cell resource.Path, had *state.Attachment) {
	for _, i := range had.Interfaces {
		prefix, err := netip.ParsePrefix(i.Address)
		if err != nil {
			continue
		}
		if _, taken := a.used[i.Space][prefix.Addr()]; !taken {
			a.use(i.Space, prefix.Addr(), cell)
		}
	}
}

// networkOf returns the network of a space as it will be, or nil.
func (d *decider) networkOf(space resource.Path) *state.Network {
	if r := d.after(space); r != nil {
		return r.Status.Network
	}
	return nil
}

// settle sets the interface to the address that the cell asks for or has, and reports whether there is one.
func (a *addresses) settle(cell resource.Path, i *state.Interface, prior *state.Attachment) bool {
	network := a.d.networkOf(i.Space)
	if network == nil {
		a.d.diags.Errorf(a.d.declared(cell), cell, "No network", "cell %s is to be attached to space %s, which has no network: declare the space, so that it gets one.", cell, i.Space)
		return true
	}
	i.Network = *network
	i.Network.Firewall = ""
	subnet := netip.MustParsePrefix(network.Subnet)
	spec, _ := a.d.after(cell).Spec.(*resource.Cell)
	if spec.Address != "" && i.Space == cell.Space() {
		return a.fix(cell, i, subnet, spec.Address)
	}
	had := prior.In(i.Space)
	if had == nil {
		return false
	}
	prefix, err := netip.ParsePrefix(had.Address)
	if err != nil || !usable(subnet, prefix.Addr()) {
		return false
	}
	a.claim(cell, i, subnet, prefix.Addr())
	return true
}

func (a *addresses) fix(cell resource.Path, i *state.Interface, subnet netip.Prefix, address string) bool {
	at := a.d.declared(cell)
	want := a.d.desired.Resource(cell)
	if want != nil {
		at = want.RangeOf("address")
	}
	addr, err := netip.ParseAddr(address)
	if want == nil && !usable(subnet, addr) {
		a.d.diags.Errorf(a.d.declared(i.Space), i.Space, "Space is in use", "space %s is to have the subnet %s, but cell %s, which is not in the configuration and stays for now, has the address %s: destroy that first.", i.Space, subnet, cell, address)
		return true
	}
	if err != nil || !usable(subnet, addr) {
		a.d.diags.Errorf(at, cell, "Address outside of the subnet", "cell %s asks for the address %s, but space %s has the subnet %s, of which the first address is the gateway's: choose one in it.", cell, address, i.Space, subnet)
		return true
	}
	// A cell that holds it by chance, now or until it is gone, can't be told to let go while it runs.
	for _, q := range a.d.prior.Paths() {
		if had := a.d.attachmentOf(q).In(i.Space); q != cell && had != nil && strings.HasPrefix(had.Address, addr.String()+"/") {
			a.d.diags.Errorf(at, cell, "Address is taken", "cell %s asks for the address %s, which cell %s has: choose another, or move that one away with an apply of its own first.", cell, address, q)
			return true
		}
	}
	a.claim(cell, i, subnet, addr)
	return true
}

func (a *addresses) claim(cell resource.Path, i *state.Interface, subnet netip.Prefix, addr netip.Addr) {
	if other, ok := a.used[i.Space][addr]; ok && other != cell {
		a.d.diags.Errorf(a.d.declared(cell), cell, "Address is taken", "cells %s and %s would both have the address %s: give one of them another.", other, cell, addr)
		return
	}
	a.use(i.Space, addr, cell)
	i.Address = netip.PrefixFrom(addr, subnet.Bits()).String()
}

// allocate sets the interface to the lowest free address.
func (a *addresses) allocate(cell resource.Path, i *state.Interface) {
	subnet := netip.MustParsePrefix(i.Network.Subnet)
	for addr := subnet.Addr().Next().Next(); usable(subnet, addr); addr = addr.Next() {
		if _, taken := a.used[i.Space][addr]; !taken {
			a.claim(cell, i, subnet, addr)
			return
		}
	}
	a.d.diags.Errorf(a.d.declared(cell), cell, "No free address", "cell %s needs an address in space %s, but every one of %s is taken: give the space a larger subnet.", cell, i.Space, subnet)
}

// usable reports whether a cell may have the address: neither the network's own, nor the gateway's, nor broadcast.
func usable(subnet netip.Prefix, addr netip.Addr) bool {
	return subnet.Contains(addr) && subnet.Contains(addr.Next()) && addr != subnet.Addr() && addr != subnet.Addr().Next()
}

// decideAttachment adds to the change of a cell how it is attached, and what differs from that on the host.
func (d *decider) decideAttachment(p resource.Path, a *state.Attachment) {
	had := d.attachmentOf(p)
	drift := d.cellDrift(p, had)
	if d.changes[p] == nil && reflect.DeepEqual(had, a) && len(drift) == 0 {
		return
	}
	c := d.ensure(p)
	c.After.Status.Attachment = a
	if c.Action != plan.Update {
		had = nil
	}
	if had != nil {
		c.Reasons = append(c.Reasons, drift...)
	} else if c.Action == plan.Update {
		c.Reasons = append(c.Reasons, "it has no address yet")
	}
	for _, i := range a.Interfaces {
		before := ""
		if other := had.In(i.Space); other != nil {
			before = other.Address
		}
		c.Diffs = append(c.Diffs, computed(fmt.Sprintf("networks[%q]", i.Space.Name()), before, i.Address)...)
	}
	if had == nil {
		had = &state.Attachment{}
	}
	for _, i := range had.Interfaces {
		if a.In(i.Space) == nil {
			c.Diffs = append(c.Diffs, computed(fmt.Sprintf("networks[%q]", i.Space.Name()), i.Address, "")...)
		}
	}
	c.Diffs = append(c.Diffs, setDiffs("published", had.Published, a.Published)...)
	c.Diffs = append(c.Diffs, setDiffs("aliases", aliases(had), aliases(a))...)
}

// aliases returns the names of a cell beyond those that its path gives it.
func aliases(a *state.Attachment) []string {
	const fromPath = 2
	return a.Names[min(fromPath, len(a.Names)):]
}

// setDiffs compares two sets of computed values.
func setDiffs(name string, before, after []string) []plan.Diff {
	var diffs []plan.Diff
	for _, v := range before {
		if !slices.Contains(after, v) {
			diffs = append(diffs, plan.Diff{Name: fmt.Sprintf("%s[%q]", name, v), Before: true, Computed: true})
		}
	}
	for _, v := range after {
		if !slices.Contains(before, v) {
			diffs = append(diffs, plan.Diff{Name: fmt.Sprintf("%s[%q]", name, v), After: true, Computed: true})
		}
	}
	return diffs
}

// cellDrift says what of the network of a recorded cell is not as it was made. Where the root container makes the
// network namespace anew, that is all there is to do.
func (d *decider) cellDrift(p resource.Path, had *state.Attachment) []string {
	if d.rootOf(p) == "" || d.netnsMoves(p) {
		return nil
	}
	drift := d.actual.AttachmentFlaws(p, had, d.live(d.rootOf(p)))
	for i := range drift {
		drift[i] = outside + drift[i]
	}
	return drift
}
