package planner

import (
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/internal/allocate"
	"github.com/kukeon/kuke/planner/plan"
)

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
