package planner

import (
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/internal/allocate"
	"github.com/kukeon/kuke/planner/plan"
)

// decideNames finds the cells whose /etc/hosts has to be written: those that change, those whose neighbours do, and
// those whose file is not what it was.
func (d *networks) decideNames() {
	now, then := allocate.Hosts(d.draft.allocation())
	wanted, expected := plan.NewHosts(now), plan.NewHosts(then)
	needed := map[resource.Path]bool{}
	for _, p := range d.draft.order {
		r := d.draft.after(p)
		if p.Kind() != resource.KindCell || r == nil || r.Status.Attachment == nil {
			continue
		}
		a := r.Status.Attachment
		d.updateNames(p, now, wanted.File(p, a), expected)
		d.updateFiles(p)
		// Its own space may stay without need while another one changes: the file is made from all of them.
		if d.draft.changes[p] != nil || slices.ContainsFunc(now, func(n plan.SpaceNames) bool { return slices.Contains(n.Update, p) }) {
			for _, i := range a.Interfaces {
				needed[i.Space] = true
			}
		}
	}
	for _, n := range now {
		if needed[n.Space] {
			d.names = append(d.names, n)
		}
	}
}

// updateNames notes that the file of a recorded cell has to be written anew, if it isn't as wanted, where names are those
// that will be. then makes the files as they should be so far.
func (d *networks) updateNames(p resource.Path, names []plan.SpaceNames, want string, then *plan.Hosts) {
	actual, c := d.in.actual.Cells[p], d.draft.changes[p]
	// The files of many cells in one space are long, and most are as they should be.
	if actual == nil || c != nil && c.Action != plan.Update || actual.Hosts == want {
		return
	}
	expected := then.File(p, d.in.attachmentOf(p))
	if c == nil && want != expected {
		if at := slices.IndexFunc(names, func(n plan.SpaceNames) bool { return n.Space == p.Space() }); at >= 0 {
			names[at].Update = append(names[at].Update, p)
		}
		return
	}
	if actual.Hosts != expected && d.in.attachmentOf(p) != nil && d.draft.owns(p) {
		c = d.draft.ensure(p)
		c.Reasons = append(c.Reasons, outside+"its /etc/hosts")
	}
}

// updateFiles notes that the other files of a recorded cell have to be written anew: without them no container of it can
// be started.
func (d *networks) updateFiles(p resource.Path) {
	actual, c := d.in.actual.Cells[p], d.draft.changes[p]
	if actual == nil || d.in.attachmentOf(p) == nil || !d.draft.owns(p) || c != nil && c.Action != plan.Update {
		return
	}
	for _, name := range actual.Stale {
		c = d.draft.ensure(p)
		c.Reasons = append(c.Reasons, outside+"its /etc/"+name)
	}
}
