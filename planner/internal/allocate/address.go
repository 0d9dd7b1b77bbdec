package allocate

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// Cells returns how each owned cell is attached to its spaces, with its addresses, the ports of the host that it publishes and
// its names.
func Cells(in Input) (map[resource.Path]*state.Attachment, resource.Diagnostics) {
	a := newAllocator(in)
	cells := a.attach()
	a.checkSpaces(cells)
	a.publish(cells)
	return cells, a.diags
}

// attach returns how each owned cell is attached: with the addresses that it wants or has, or else free ones. Other cells keep
// the addresses that they have.
func (a *allocator) attach() map[resource.Path]*state.Attachment {
	cells := map[resource.Path]*state.Attachment{}
	pools := []*addresses{newAddresses(a, ipv4), newAddresses(a, ipv6)}
	var waiting []func()
	for _, p := range a.in.Paths {
		if p.Kind() != resource.KindCell || a.in.After[p] == nil {
			continue
		}
		prior := a.attachmentOf(p)
		if !a.in.Owned[p] {
			for _, pool := range pools {
				pool.keep(p, prior)
			}
			continue
		}
		at := &state.Attachment{Names: a.namesOf(p)}
		cells[p] = at
		if root := a.rootOf(p); root != nil && root.Network != "" {
			at.Mode = root.Network
			continue
		}
		for i, space := range a.spacesOf(p) {
			at.Interfaces = append(at.Interfaces, state.Interface{Space: space})
			if !a.connect(p, &at.Interfaces[i]) {
				continue
			}
			for _, pool := range pools {
				if !pool.settle(p, &at.Interfaces[i], prior) {
					waiting = append(waiting, func() { pool.allocate(p, &at.Interfaces[i]) })
				}
			}
		}
		nameInterfaces(at, prior)
	}
	// A cell that is destroyed or gets another address keeps its old one while other cells are created.
	for _, q := range a.in.Prior.Paths() {
		for _, pool := range pools {
			pool.keep(q, a.attachmentOf(q))
		}
	}
	for _, allocate := range waiting {
		allocate()
	}
	for p, at := range cells {
		if root := a.rootOf(p); root != nil {
			at.Etc = Etc(root, at)
			if len(at.Interfaces) > 0 {
				at.Interfaces[0].MAC = root.MACAddress
			}
		}
	}
	return cells
}

// rootOf returns the root container that the cell will have, or nil.
func (a *allocator) rootOf(cell resource.Path) *resource.Container {
	for _, r := range a.containers[cell] {
		if c := r.Spec.(*resource.Container); c.Root {
			return c
		}
	}
	return nil
}

// spacesOf returns the spaces a cell is attached to, its own first.
func (a *allocator) spacesOf(cell resource.Path) []resource.Path {
	spaces := []resource.Path{cell.Space()}
	for _, r := range a.containers[cell] {
		for _, name := range r.Spec.(*resource.Container).Networks {
			if p := cell.Realm().Join(name); !slices.Contains(spaces, p) {
				spaces = append(spaces, p)
			}
		}
	}
	slices.Sort(spaces[1:])
	return spaces
}

// namesOf returns the names of a cell in its spaces.
func (a *allocator) namesOf(cell resource.Path) []string {
	var aliases []string
	for _, r := range a.containers[cell] {
		aliases = append(aliases, r.Spec.(*resource.Container).NetworksAliases...)
	}
	return CellNames(cell, aliases)
}

// CellNames returns the names of a cell whose containers have the given aliases.
func CellNames(cell resource.Path, aliases []string) []string {
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

// family is a version of IP: the fields of records and specs that are about it.
type family struct {
	attribute string // of a cell
	subnet    func(*state.Network) string
	address   func(*state.Interface) *string
	wanted    func(*resource.Cell) string
}

var ipv4 = family{
	"address", func(n *state.Network) string { return n.Subnet }, func(i *state.Interface) *string { return &i.Address },
	func(c *resource.Cell) string { return c.Address },
}

var ipv6 = family{
	"address6", func(n *state.Network) string { return n.Subnet6 }, func(i *state.Interface) *string { return &i.Address6 },
	func(c *resource.Cell) string { return c.Address6 },
}

// addresses hands out those of one family in spaces.
type addresses struct {
	family
	a    *allocator
	used map[resource.Path]map[netip.Addr]resource.Path // by space
}

func newAddresses(a *allocator, f family) *addresses {
	return &addresses{f, a, map[resource.Path]map[netip.Addr]resource.Path{}}
}

func (s *addresses) use(space resource.Path, addr netip.Addr, cell resource.Path) {
	if s.used[space] == nil {
		s.used[space] = map[netip.Addr]resource.Path{}
	}
	s.used[space][addr] = cell
}

// keep reserves the addresses of the attachment, which may be nil.
func (s *addresses) keep(cell resource.Path, had *state.Attachment) {
	if had == nil {
		return
	}
	for _, i := range had.Interfaces {
		prefix, err := netip.ParsePrefix(*s.address(&i))
		if err != nil {
			continue
		}
		if _, taken := s.used[i.Space][prefix.Addr()]; !taken {
			s.use(i.Space, prefix.Addr(), cell)
		}
	}
}

// connect sets the network of the interface, and reports whether its space has one.
func (a *allocator) connect(cell resource.Path, i *state.Interface) bool {
	network := a.networkOf(i.Space)
	if network == nil {
		a.diags.Errorf(a.declared(cell), cell, "No network", "cell %s is to be attached to space %s, which has no network: declare the space, so that it gets one.", cell, i.Space)
		return false
	}
	i.Network = *network
	i.Network.Firewall = ""
	return true
}

// leaves reports whether the cell left the configuration, and stays only because the targets of the plan leave it out. Nobody can
// change the addresses that it asks for.
func (a *allocator) leaves(cell resource.Path) bool {
	return a.in.Desired.Resource(cell) == nil && a.in.After[cell].Status.Project != ""
}

// settle sets the interface to the address that the cell asks for or has, and reports whether it needs no other.
func (s *addresses) settle(cell resource.Path, i *state.Interface, prior *state.Attachment) bool {
	spec, _ := s.a.in.After[cell].Spec.(*resource.Cell)
	wanted := s.wanted(spec)
	if i.Space != cell.Space() {
		wanted = ""
	}
	if s.subnet(&i.Network) == "" {
		if wanted != "" && !s.a.leaves(cell) {
			s.a.diags.Errorf(s.a.writtenAt(cell, s.attribute), cell, "No IPv6 in the space", "cell %s asks for the address %s, but space %s has no IPv6: set subnet6 in the network of the space, or remove %s.", cell, wanted, i.Space, s.attribute)
		}
		return true
	}
	subnet := netip.MustParsePrefix(s.subnet(&i.Network))
	if wanted != "" {
		return s.fix(cell, i, subnet, wanted)
	}
	had := prior.In(i.Space)
	if had == nil {
		return false
	}
	prefix, err := netip.ParsePrefix(*s.address(had))
	if err != nil || !usable(subnet, prefix.Addr()) {
		return false
	}
	s.claim(cell, i, subnet, prefix.Addr())
	return true
}

func (s *addresses) fix(cell resource.Path, i *state.Interface, subnet netip.Prefix, address string) bool {
	at := s.a.writtenAt(cell, s.attribute)
	want := s.a.in.Desired.Resource(cell)
	addr, err := netip.ParseAddr(address)
	if want == nil && !usable(subnet, addr) {
		s.a.diags.Errorf(s.a.declared(i.Space), i.Space, "Space is in use", "space %s is to have the subnet %s, but cell %s, which is not in the configuration and stays for now, has the address %s: destroy that first.", i.Space, subnet, cell, address)
		return true
	}
	if err != nil || !usable(subnet, addr) {
		s.a.diags.Errorf(at, cell, "Address outside of the subnet", "cell %s asks for the address %s, but space %s has the subnet %s, of which the first address is the gateway's: choose one in it.", cell, address, i.Space, subnet)
		return true
	}
	// A cell that holds it by chance, now or until it is gone, can't be told to let go while it runs.
	for _, q := range s.a.in.Prior.Paths() {
		if had := s.a.attachmentOf(q).In(i.Space); q != cell && had != nil && strings.HasPrefix(*s.address(had), addr.String()+"/") {
			s.a.diags.Errorf(at, cell, "Address is taken", "cell %s asks for the address %s, which cell %s has: choose another, or move that one away with an apply of its own first.", cell, address, q)
			return true
		}
	}
	s.claim(cell, i, subnet, addr)
	return true
}

func (s *addresses) claim(cell resource.Path, i *state.Interface, subnet netip.Prefix, addr netip.Addr) {
	if other, ok := s.used[i.Space][addr]; ok && other != cell {
		s.a.diags.Errorf(s.a.declared(cell), cell, "Address is taken", "cells %s and %s would both have the address %s: give one of them another.", other, cell, addr)
		return
	}
	s.use(i.Space, addr, cell)
	*s.address(i) = netip.PrefixFrom(addr, subnet.Bits()).String()
}

// allocate sets the interface to the lowest free address.
func (s *addresses) allocate(cell resource.Path, i *state.Interface) {
	subnet := netip.MustParsePrefix(s.subnet(&i.Network))
	for addr := subnet.Addr().Next().Next(); usable(subnet, addr); addr = addr.Next() {
		if _, taken := s.used[i.Space][addr]; !taken {
			s.claim(cell, i, subnet, addr)
			return
		}
	}
	s.a.diags.Errorf(s.a.declared(cell), cell, "No free address", "cell %s needs an address in space %s, but every one of %s is taken: give the space a larger subnet.", cell, i.Space, subnet)
}

// usable reports whether a cell may have the address: neither the network's own, nor the gateway's, nor the last one, which is
// for broadcasts in IPv4.
func usable(subnet netip.Prefix, addr netip.Addr) bool {
	return subnet.Contains(addr) && subnet.Contains(addr.Next()) && addr != subnet.Addr() && addr != subnet.Addr().Next()
}

// checkSpaces makes sure that no cell stays attached to a space that goes, or keeps an address in a subnet that does.
func (a *allocator) checkSpaces(cells map[resource.Path]*state.Attachment) {
	for _, p := range a.in.Prior.Paths() {
		had := a.attachmentOf(p)
		if had == nil || a.in.After[p] == nil || cells[p] != nil {
			continue
		}
		for _, i := range had.Interfaces {
			if a.in.After[i.Space] == a.in.Prior.Records[i.Space] { // it does not change
				continue
			}
			if network := a.networkOf(i.Space); network == nil {
				a.diags.Errorf(resource.Range{}, i.Space, "Space is in use", "space %s is to be deleted, but cell %s, which stays, is attached to it: change that first.", i.Space, p)
			} else if network.Subnet6 != i.Network.Subnet6 {
				a.diags.Errorf(a.declared(i.Space), i.Space, "Space is in use", "space %s is to have another IPv6 subnet, but cell %s, which can't be changed here, is attached to it: change that first.", i.Space, p)
			} else if network.Subnet != i.Network.Subnet {
				a.diags.Errorf(a.declared(i.Space), i.Space, "Space is in use", "space %s is to have the subnet %s, but cell %s, which can't be changed here, has an address in %s: change that first.", i.Space, network.Subnet, p, i.Network.Subnet)
			}
		}
	}
}
