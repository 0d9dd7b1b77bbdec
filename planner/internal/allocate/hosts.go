package allocate

import (
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Hosts returns the names of cells that the /etc/hosts files are made from, by space: as they will be, and as they are recorded.
func Hosts(in Input) (after, before []plan.SpaceNames) {
	a := newAllocator(in)
	will := func(p resource.Path) *state.Attachment {
		if r := in.After[p]; r != nil {
			return r.Status.Attachment
		}
		return nil
	}
	var cells []resource.Path
	for _, p := range in.Paths {
		if p.Kind() == resource.KindCell {
			cells = append(cells, p)
		}
	}
	for _, p := range in.Paths {
		if p.Kind() == resource.KindSpace && in.After[p] != nil {
			after = append(after, plan.NamesIn(p, cells, will))
			before = append(before, plan.NamesIn(p, cells, a.attachmentOf))
		}
	}
	return after, before
}
