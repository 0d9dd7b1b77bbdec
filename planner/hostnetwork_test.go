package planner

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// hostNetwork is what a pretended host has of networks.
type hostNetwork struct {
	// networks holds those of spaces, spaceDrift what became of them outside of kuke.
	networks   map[resource.Path]*state.Network
	spaceDrift map[resource.Path][]string
	// pins, hosts and published hold what there is of cells: the inode of the pinned network namespace, the text of
	// /etc/hosts and the ports that are forwarded.
	pins      map[resource.Path]uint64
	hosts     map[resource.Path]string
	published map[resource.Path][]string
	// interfaces holds the addresses by interface in each network namespace, those of IPv6 by the interface with "/6" behind.
	interfaces map[uint64]map[string]string
	// foreign are ports that others forward.
	foreign []plan.PortMapping
	// names are those of the plan that is carried out.
	names []plan.SpaceNames
}

func newHostNetwork() hostNetwork {
	return hostNetwork{
		networks: map[resource.Path]*state.Network{}, spaceDrift: map[resource.Path][]string{}, pins: map[resource.Path]uint64{},
		hosts: map[resource.Path]string{}, published: map[resource.Path][]string{}, interfaces: map[uint64]map[string]string{},
	}
}

// refreshNetwork looks at the networks of recorded spaces and of recorded and desired cells.
func (h *host) refreshNetwork(desired *resource.Tree) {
	h.actual.Networks, h.actual.Cells = map[resource.Path][]string{}, map[resource.Path]*plan.CellNetwork{}
	h.actual.Mappings = slices.Clone(h.foreign)
	if h.actual.Mappings == nil {
		h.actual.Mappings = []plan.PortMapping{}
	}
	look := func(p resource.Path) {
		if p.Kind() == resource.KindCell {
			found := &plan.CellNetwork{ID: h.cellID(p), NetNS: h.pins[p], Addresses: map[string]string{}, Addresses6: map[string]string{}, Hosts: h.hosts[p]}
			for name, address := range h.interfaces[cmp.Or(h.rootNetNS(p), h.pins[p])] {
				if name, ipv6 := strings.CutSuffix(name, "/6"); ipv6 {
					found.Addresses6[name] = address
				} else {
					found.Addresses[name] = address
				}
			}
			h.actual.Cells[p] = found
		}
	}
	for _, p := range h.prior.Paths() {
		look(p)
		if p.Kind() != resource.KindSpace {
			continue
		}
		if drift := h.spaceDrift[p]; len(drift) > 0 {
			h.actual.Networks[p] = drift
		} else if h.networks[p] == nil {
			h.actual.Networks[p] = []string{"changed outside of kuke: its network is gone"}
		}
	}
	if desired != nil {
		for _, r := range desired.Resources() {
			look(r.Path)
		}
	}
	for _, cell := range slices.Sorted(maps.Keys(h.published)) {
		for _, text := range h.published[cell] {
			p, err := resource.ParsePort(text)
			if err != nil {
				h.Fatal(err)
			}
			h.actual.Mappings = append(h.actual.Mappings, plan.PortMapping{
				Protocol: p.Protocol, Addr: p.HostIP, First: uint16(p.Host.First), Last: uint16(p.Host.Last),
				Network: resource.NetworkName(cell), ID: h.cellID(cell),
			}, plan.PortMapping{
				Protocol: p.Protocol, Addr: p.HostIP, First: uint16(p.Host.First), Last: uint16(p.Host.Last),
				Network: resource.NetworkName(cell), ID: h.cellID(cell), IPv6: true,
			})
		}
	}
}

func (h *host) cellID(p resource.Path) string {
	if r := h.prior.Records[p]; r != nil {
		return r.CellID()
	}
	return state.CellID(p)
}

// move makes the moves of a plan, as the executor does before its first step.
func (h *host) move(p *plan.Plan) {
	if len(p.Moves) == 0 {
		return
	}
	h.actual = h.actual.Moved(p.Moves, h.prior, p.MovedAndImported(h.prior))
	h.prior = p.MovedAndImported(h.prior)
	for _, m := range p.Moves {
		for _, r := range m.Records {
			if !m.To.Contains(r.Path) {
				continue
			}
			from := m.From + r.Path[len(m.To):]
			rekey(h.networks, from, r.Path)
			rekey(h.pins, from, r.Path)
			rekey(h.published, from, r.Path)
			delete(h.hosts, from)
			if c := h.actual.Container(r.Status.Namespace, r.Status.ContainerID); c != nil && r.Path.Kind() == resource.KindContainer {
				c.Labels[plan.LabelPath], c.Labels[plan.LabelID] = string(r.Path), r.Status.ContainerID
			}
		}
	}
	for p, r := range h.prior.Records {
		if p.Kind() == resource.KindCell && r.Status.Attachment != nil {
			h.hosts[p] = plan.HostsFile(p, r.Status.Attachment, plan.NamesOf(h.prior))
		}
	}
}

func rekey[V any](m map[resource.Path]V, from, to resource.Path) {
	if v, ok := m[from]; ok {
		delete(m, from)
		m[to] = v
	}
}

// makeNetwork makes the network of a space or the files of a cell, and mends the network of a cell that is there.
func (h *host) makeNetwork(r *state.Record, mend bool, fail failFunc) {
	switch r.Path.Kind() {
	case resource.KindSpace:
		n := r.Status.Network
		if had := h.prior.Records[r.Path]; n == nil || !resource.IsVariant(n.Name, func(i int) string { name, _, _ := resource.NetworkVariant(r.Path, i); return name }) && (had == nil || had.Status.Network == nil || n.Name != had.Status.Network.Name || n.File != had.Status.Network.File || n.Bridge != had.Status.Network.Bridge) {
			fail("network %+v", n)
		}
		subnet := netip.MustParsePrefix(n.Subnet)
		if subnet != subnet.Masked() || n.Gateway != resource.Gateway(subnet).String() {
			fail("network %+v", n)
		}
		for p, other := range h.networks {
			if p != r.Path && subnet.Overlaps(netip.MustParsePrefix(other.Subnet)) {
				fail("space %s has the subnet %s", p, other.Subnet)
			}
		}
		h.networks[r.Path] = n
		delete(h.spaceDrift, r.Path)
	case resource.KindCell:
		a := r.Status.Attachment
		if a == nil {
			fail("the cell has no address")
		}
		h.hosts[r.Path] = plan.HostsFile(r.Path, a, h.names)
		if mend {
			for p, c := range h.changes {
				if p.Parent() == r.Path && c.Before != nil && c.Before.Spec.(*resource.Container).Root && (c.Action == plan.Delete || c.Action == plan.Replace) && h.prior.Records[p] != nil {
					fail("root container %s, which is to be taken down, may detach it at the same time", p)
				}
			}
			h.mend(r, fail)
		}
	}
}

// mend pins the network namespace of the root container that runs, and attaches it as recorded: interfaces that stay are left as
// they are, unless the plan says that they are to be attached again.
func (h *host) mend(cell *state.Record, fail failFunc) {
	if root := h.rootNetNS(cell.Path); root != 0 {
		h.pins[cell.Path] = root
	}
	pin := h.pins[cell.Path]
	if pin == 0 {
		return
	}
	was, published := h.interfaces[pin], h.published[cell.Path]
	h.attachCell(cell, fail)
	had := h.prior.Records[cell.Path].Status.Attachment
	if had == nil {
		return
	}
	again := h.changes[cell.Path].Reattach
	for n, i := range had.Interfaces {
		stays := cell.Status.Attachment.In(i.Space)
		republish := n == 0 && !slices.Equal(had.Published, cell.Status.Attachment.Published)
		if stays == nil || *stays != i || republish || slices.Contains(again, i.Name) {
			continue
		}
		for _, name := range []string{i.Name, i.Name + "/6"} {
			if h.interfaces[pin][name] = was[name]; was[name] == "" {
				delete(h.interfaces[pin], name)
			}
		}
		if n == 0 {
			h.published[cell.Path] = published
		}
	}
}

// attachCell gives the pinned network namespace the interfaces that the cell is to have, and no others.
func (h *host) attachCell(cell *state.Record, fail failFunc) {
	if cell == nil || cell.Status.Attachment == nil {
		fail("the cell has no address")
	}
	a := cell.Status.Attachment
	found := map[string]string{}
	for _, i := range a.Interfaces {
		if n := h.networks[i.Space]; n == nil || n.Subnet != i.Network.Subnet || n.Subnet6 != i.Network.Subnet6 {
			fail("space %s has the network %+v, the cell wants %+v", i.Space, n, i)
		}
		address, err := netip.ParsePrefix(i.Address)
		if err != nil || address.Masked().String() != i.Network.Subnet {
			fail("address %q in %s", i.Address, i.Network.Subnet)
		}
		found[i.Name] = i.Address
		if !i.ValidAddress6() {
			fail("address %q in %q", i.Address6, i.Network.Subnet6)
		}
	}
	if a.Mode != "" {
		if len(found) > 0 || len(a.Published) > 0 {
			fail("mode %s with %+v", a.Mode, a)
		}
	} else if len(found) != len(a.Interfaces) || found["eth0"] == "" || a.Interfaces[0].Name != "eth0" || a.Interfaces[0].Space != cell.Path.Space() {
		fail("interfaces %+v", a.Interfaces)
	}
	for _, i := range a.Interfaces {
		if i.Address6 != "" {
			found[i.Name+"/6"] = i.Address6
		}
	}
	h.interfaces[h.pins[cell.Path]] = found
	for q, others := range h.published {
		for _, one := range others {
			for _, other := range a.Published {
				x, _ := resource.ParsePort(one)
				y, _ := resource.ParsePort(other)
				if _, there := h.changes[q]; q != cell.Path && !there && x.Clashes(y) {
					fail("cell %s publishes %s already", q, one)
				}
			}
		}
	}
	h.published[cell.Path] = slices.Clone(a.Published)
}

// checkAddresses makes sure that no two recorded cells have one address.
func (h *host) checkAddresses(fail failFunc) {
	owners := map[string]resource.Path{}
	for p, r := range h.prior.Records {
		if r.Status.Attachment == nil {
			continue
		}
		for _, i := range r.Status.Attachment.Interfaces {
			address, _, _ := strings.Cut(i.Address, "/")
			if other, taken := owners[address]; taken {
				fail("%s and %s have the address %s", p, other, address)
			}
			owners[address] = p
		}
	}
}

// enter puts a container that is started into the network namespace of its cell.
func (h *host) enter(r *state.Record, c *plan.Container, anew bool, fail failFunc) {
	cell := r.Path.Parent()
	if r.Spec.(*resource.Container).Root && (anew || h.pins[cell] == 0) {
		for p, other := range h.siblings(r) {
			if other.NetNS != 0 {
				fail("%s still lives in the old network namespace", p)
			}
		}
		h.netns++
		h.pins[cell] = h.netns
		h.attachCell(h.prior.Records[cell], fail)
	}
	c.NetNS = h.pins[cell]
	if c.NetNS == 0 {
		fail("there is no network namespace to join")
	}
}

// leave takes away what only a root container brings with it.
func (h *host) leave(r *state.Record, fail failFunc) {
	cell := r.Path.Parent()
	if !r.Spec.(*resource.Container).Root {
		return
	}
	for p, other := range h.siblings(r) {
		if other.NetNS != 0 {
			fail("%s still lives in the network namespace", p)
		}
	}
	delete(h.interfaces, h.pins[cell])
	delete(h.pins, cell)
	delete(h.published, cell)
}

// removeNetwork takes away the network of a space, or the files of a cell.
func (h *host) removeNetwork(p resource.Path, fail failFunc) {
	switch p.Kind() {
	case resource.KindSpace:
		for q, r := range h.prior.Records {
			if r.Status.Attachment.In(p) != nil {
				fail("cell %s is attached", q)
			}
		}
		delete(h.networks, p)
		delete(h.spaceDrift, p)
	case resource.KindCell:
		delete(h.hosts, p)
		delete(h.pins, p)
		delete(h.published, p)
	}
}

func (h *host) writeNames(space resource.Path, fail failFunc) {
	at := slices.IndexFunc(h.names, func(n plan.SpaceNames) bool { return n.Space == space })
	if at < 0 || len(h.names[at].Update) == 0 {
		fail("there are no names")
	}
	for _, cell := range h.names[at].Update {
		r := h.prior.Records[cell]
		if r == nil {
			fail("cell %s is not recorded", cell)
		}
		text := plan.HostsFile(cell, r.Status.Attachment, h.names)
		if text == h.hosts[cell] {
			fail("cell %s has that /etc/hosts already", cell)
		}
		h.hosts[cell] = text
	}
}

// check waits for a container, which always comes to what it is waited for.
func (h *host) check(c *plan.Change, fail failFunc) {
	container := h.container(c.After, fail)
	r := *h.prior.Records[c.Path]
	switch c.Check {
	case resource.Healthy:
		if container.Status != plan.TaskRunning {
			fail("it does not run")
		}
		r.Status.Health = &state.Health{State: state.Healthy}
	case resource.Completed:
		container.Status, container.ExitCode, container.NetNS, container.PID = plan.TaskStopped, 0, 0, 0
		r.Status.Health, r.Status.Exit = &state.Health{State: state.Completed}, &state.Exit{At: at}
	default:
		fail("check for %q", c.Check)
	}
	h.prior.Records[c.Path] = &r
}

// wantReady fails unless the container, which something else of the plan waits for, is as far as it must be.
func (h *host) wantReady(p resource.Path, condition resource.Condition, fail failFunc) {
	r := h.prior.Records[p]
	if r == nil {
		fail("%s, on which it depends, is not recorded", p)
		return
	}
	c := h.container(r, fail)
	recorded := c.Status == plan.TaskNone && r.Status.Exit != nil && r.Status.Exit.Code == 0
	ended := c.Status == plan.TaskStopped && c.ExitCode == 0 || recorded
	switch {
	case c.Status != plan.TaskRunning && c.Status != plan.TaskPaused && !ended:
		fail("%s, on which it depends, does not run", p)
	case condition == resource.Healthy && !ended && (r.Status.Health == nil || r.Status.Health.State != state.Healthy),
		condition == resource.Completed && (r.Status.Health == nil || r.Status.Health.State != state.Completed):
		fail("%s, on which it depends, is %+v", p, r.Status.Health)
	}
}

// wantCells fails unless the cells that the given one depends on are as far as they must be, where they change.
func (h *host) wantCells(cell resource.Path, fail failFunc) {
	record := h.prior.Records[cell]
	for _, on := range record.Spec.(*resource.Cell).DependsOn {
		for p, c := range h.changes {
			if p.Parent() != resource.Path(on.Name) || c.After == nil {
				continue
			}
			spec := c.After.Spec.(*resource.Container)
			condition := resource.Condition("")
			if on.Condition == resource.Healthy && spec.Healthcheck != nil && c.Check != resource.Completed || on.Condition == resource.Completed && spec.Root {
				condition = on.Condition
			}
			h.wantReady(p, condition, fail)
		}
	}
}

// wantDependentsGone fails while a container runs that is deleted with its cell, which depends on the given one.
func (h *host) wantDependentsGone(cell resource.Path, fail failFunc) {
	if c := h.changes[cell]; c == nil || c.Action != plan.Delete {
		return
	}
	for p, r := range h.prior.Records {
		spec, ok := r.Spec.(*resource.Cell)
		if c := h.changes[p]; !ok || c == nil || c.Action != plan.Delete {
			continue
		}
		for _, on := range spec.DependsOn {
			for q := range h.prior.Records {
				if resource.Path(on.Name) == cell && q.Parent() == p {
					fail("%s depends on its cell, and is still there", q)
				}
			}
		}
	}
}
