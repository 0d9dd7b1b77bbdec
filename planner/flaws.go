package planner

import (
	"fmt"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// attachmentFlaws says how the network of a recorded cell differs from its record had; root is the cell's root container
// in containerd, or nil. A cell without a network namespace has no flaws: the start of its root container makes one.
func (a *Actual) attachmentFlaws(cell resource.Path, had *state.Attachment, root *Container) []string {
	found := a.Cells[cell]
	if had == nil || found == nil {
		return nil
	}
	if root != nil && root.NetNS != 0 && root.NetNS != found.NetNS {
		return []string{"the network namespace of its root container is not at hand"}
	}
	if found.NetNS == 0 {
		return nil
	}
	var flaws []string
	for _, i := range had.Interfaces {
		if now := found.Addresses[i.Name]; now == "" {
			flaws = append(flaws, fmt.Sprintf("its interface %s is gone", i.Name))
		} else if now != i.Address {
			flaws = append(flaws, fmt.Sprintf("its interface %s has the address %s, not %s", i.Name, now, i.Address))
		} else if why := found.Flaws[i.Name]; why != "" {
			flaws = append(flaws, fmt.Sprintf("its interface %s %s", i.Name, why))
		}
	}
	for _, port := range had.Published {
		if !a.isPublished(cell, port) {
			flaws = append(flaws, fmt.Sprintf("port %s is not published any more", port))
		}
	}
	return flaws
}

// fileFlaws names the files in /etc of a recorded cell that differ from the expected ones; hosts is the expected text of
// /etc/hosts.
func (a *Actual) fileFlaws(cell resource.Path, hosts string) []string {
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

// strayed reports whether a running container of a cell is in another network namespace than root, the cell's running
// root container, or, where that is nil, than the one that is pinned for the cell.
func (a *Actual) strayed(cell resource.Path, root, c *Container) bool {
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
