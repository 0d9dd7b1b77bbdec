package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// CellNetwork is the network of a cell as found on the host.
type CellNetwork struct {
	// ID is the identifier of the cell on the host, see [state.Record.CellID]; empty for the one that follows from its path.
	ID string
	// NetNS is the inode of the network namespace that is pinned for the cell, 0 where there is none.
	NetNS uint64
	// Addresses are those of its interfaces in CIDR form, by the interface's name: in the network namespace of its running root
	// container, or else in the pinned one.
	Addresses map[string]string
	// Addresses6 are those of IPv6, without link-local ones.
	Addresses6 map[string]string
	// Flaws describes the defects of existing recorded interfaces, by the interface's name.
	Flaws map[string]string
	// Hosts is the content of its /etc/hosts.
	Hosts string
	// Stale holds the names of its other files in /etc that are missing or have another content.
	Stale []string
}

// AttachmentFlaws describes the differences of a recorded cell's network from its record had; root is the cell's root container
// in containerd, or nil. A cell without a network namespace has no flaws: the start of its root container makes one.
func (a *Actual) AttachmentFlaws(cell resource.Path, had *state.Attachment, root *Container) []string {
	found := a.Cells[cell]
	if had == nil || found == nil {
		return nil
	}
	var flaws []string
	if found.unpinned(root) {
		flaws = append(flaws, "the network namespace of its root container is not at hand")
	} else if found.NetNS == 0 {
		return nil
	}
	for _, i := range had.Interfaces {
		if why := found.flaw(i); why != "" {
			flaws = append(flaws, fmt.Sprintf("its interface %s %s", i.Name, why))
		}
	}
	for _, port := range had.Published {
		if !a.isPublished(cell, had, port) {
			flaws = append(flaws, fmt.Sprintf("port %s is not published any more", port))
		}
	}
	return flaws
}

// unpinned reports whether the network namespace of the running root container is not the pinned one.
func (n *CellNetwork) unpinned(root *Container) bool {
	return root != nil && root.NetNS != 0 && root.NetNS != n.NetNS
}

// flaw returns the difference of an interface from its record, or "".
func (n *CellNetwork) flaw(i state.Interface) string {
	now := n.Addresses[i.Name]
	switch {
	case now == "":
		return "is gone"
	case now != i.Address:
		return fmt.Sprintf("has the address %s, not %s", now, i.Address)
	}
	switch now := n.Addresses6[i.Name]; {
	case i.Address6 == "" || now == i.Address6:
	case now == "":
		return "has lost the address " + i.Address6
	default:
		return fmt.Sprintf("has the address %s, not %s", now, i.Address6)
	}
	return n.Flaws[i.Name]
}

// FlawedInterfaces names the interfaces of a recorded cell that AttachmentFlaws tells of: an interface that is not as it was
// made, and the first one, with which ports are published, where one of those is not. Without a network namespace it names none.
func (a *Actual) FlawedInterfaces(cell resource.Path, had *state.Attachment, root *Container) []string {
	found := a.Cells[cell]
	if had == nil || found == nil || found.NetNS == 0 && !found.unpinned(root) {
		return nil
	}
	unpublished := slices.ContainsFunc(had.Published, func(port string) bool { return !a.isPublished(cell, had, port) })
	var names []string
	for n, i := range had.Interfaces {
		if found.flaw(i) != "" || n == 0 && unpublished {
			names = append(names, i.Name)
		}
	}
	return names
}

// FileFlaws names the files in /etc of a recorded cell that differ from the expected ones; hosts is the expected text of
// /etc/hosts.
func (a *Actual) FileFlaws(cell resource.Path, hosts string) []string {
	found := a.Cells[cell]
	if found == nil {
		return nil
	}
	var flaws []string
	if found.Hosts != hosts {
		flaws = append(flaws, "its /etc/hosts")
	}
	for _, name := range found.Stale {
		flaws = append(flaws, "its /etc/"+name)
	}
	return flaws
}

// OutsideNetNS reports whether a running container of a cell is in another network namespace than root, the cell's running
// root container, or, where that is nil, than the one that is pinned for the cell.
func (a *Actual) OutsideNetNS(cell resource.Path, root, c *Container) bool {
	if c == nil || c.NetNS == 0 {
		return false
	}
	netns := uint64(0)
	if found := a.Cells[cell]; found != nil {
		netns = found.NetNS
	}
	if root != nil && root.NetNS != 0 {
		netns = root.NetNS
	}
	return netns != 0 && netns != c.NetNS
}

// isPublished reports whether the host maps all of a recorded port to the cell with the attachment had.
func (a *Actual) isPublished(cell resource.Path, had *state.Attachment, text string) bool {
	id := state.CellID(cell)
	if found := a.Cells[cell]; found != nil && found.ID != "" {
		id = found.ID
	}
	if a.Mappings == nil {
		return true // it was not inspected
	}
	port, err := resource.ParsePort(text)
	if err != nil {
		return false
	}
	ipv6 := len(had.Interfaces) > 0 && had.Interfaces[0].Address6 != "" && !port.HostIP.Is4()
	return (port.HostIP.Is6() || mapped(a.Mappings, id, port, false)) && (!ipv6 || mapped(a.Mappings, id, port, true))
}

// mapped reports whether the mappings of a family lead all of a published port to the cell of the id, see [state.Record.CellID].
func mapped(mappings []PortMapping, id string, port resource.Port, ipv6 bool) bool {
	for n := port.Host.First; n <= port.Host.Last; n++ {
		found := slices.ContainsFunc(mappings, func(m PortMapping) bool {
			return m.ID == id && m.IPv6 == ipv6 && m.Protocol == port.Protocol && int(m.First) <= n && n <= int(m.Last)
		})
		if !found {
			return false
		}
	}
	return true
}

// Socket is a listening socket of the host.
type Socket struct {
	Protocol string // tcp or udp
	Addr     netip.Addr
	Port     uint16
	OnlyIPv6 bool // it accepts no IPv4
}

// PortMapping is a range of ports of the host that is forwarded.
type PortMapping struct {
	Protocol    string
	Addr        netip.Addr // invalid for every one
	IPv6        bool       // it forwards IPv6, or else IPv4
	First, Last uint16
	// Network and ID are the CNI network and the cell (see [state.Record.CellID]) it is made for, where they are known.
	Network, ID string
}
