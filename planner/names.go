package planner

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/planner/state"
)

// SpaceNames are the names of the cells of one space as they will be, for the /etc/hosts of those that are attached
// to it.
type SpaceNames struct {
	Space   realm.Path  `json:"space"`
	Entries []NameEntry `json:"entries"`
	// Update lists the cells of the space whose file isn't written by a change of their own.
	Update []realm.Path `json:"update,omitempty"`
}

// NameEntry says what a cell is called, and its address in the space.
type NameEntry struct {
	Cell    realm.Path `json:"cell"`
	Address string     `json:"address"` // without the length of the prefix
	Names   []string   `json:"names"`
}

// HostsFile returns the /etc/hosts of a cell that is attached as a says, where names are those of its spaces. A name
// that several cells have means the one of the cell's own stack, or else that of the space attached to first; the
// others keep theirs with the stack.
func HostsFile(cell realm.Path, a *state.Attachment, names []SpaceNames) string {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
	if a == nil {
		return b.String()
	}
	taken := map[string]bool{}
	line := func(e NameEntry) {
		var free []string
		for _, name := range e.Names {
			if !taken[name] {
				free = append(free, name)
			}
		}
		for _, name := range free {
			taken[name] = true
		}
		if len(free) > 0 {
			fmt.Fprintf(&b, "%s %s\n", e.Address, strings.Join(free, " "))
		}
	}
	for _, i := range a.Interfaces {
		at := slices.IndexFunc(names, func(n SpaceNames) bool { return n.Space == i.Space })
		if at < 0 {
			continue
		}
		entries := slices.Clone(names[at].Entries)
		rank := func(e NameEntry) int {
			switch {
			case e.Cell == cell:
				return 0
			case e.Cell.Parent() == cell.Parent():
				return 1
			}
			return 2
		}
		slices.SortStableFunc(entries, func(x, y NameEntry) int { return rank(x) - rank(y) })
		for _, e := range entries {
			if e.Cell != cell || i.Space == cell.Space() {
				line(e)
			}
		}
	}
	return b.String()
}

// namesIn returns the names of the cells that are attached to the space, by what attachment returns for each.
func namesIn(space realm.Path, cells []realm.Path, attachment func(realm.Path) *state.Attachment) SpaceNames {
	names := SpaceNames{Space: space}
	for _, p := range cells {
		a := attachment(p)
		if i := a.In(space); i != nil {
			prefix, err := netip.ParsePrefix(i.Address)
			if err == nil {
				names.Entries = append(names.Entries, NameEntry{Cell: p, Address: prefix.Addr().String(), Names: a.Names})
			}
		}
	}
	return names
}

// decideNames finds the cells whose /etc/hosts has to be written: those that change, those whose neighbours do, and
// those whose file is not what it was.
func (d *decider) decideNames() {
	after := func(p realm.Path) *state.Attachment {
		if r := d.after(p); r != nil {
			return r.Status.Attachment
		}
		return nil
	}
	var cells []realm.Path
	for _, p := range d.order {
		if p.Kind() == realm.KindCell {
			cells = append(cells, p)
		}
	}
	var now, then []SpaceNames
	for _, p := range d.order {
		if p.Kind() == realm.KindSpace && d.after(p) != nil {
			now = append(now, namesIn(p, cells, after))
			then = append(then, namesIn(p, cells, d.attachmentOf))
		}
	}
	needed := map[realm.Path]bool{}
	for _, p := range cells {
		a := after(p)
		if a == nil {
			continue
		}
		d.updateNames(p, a, now, then)
		d.updateFiles(p)
		// Its own space may stay without need while another one changes: the file is made from all of them.
		if d.changes[p] != nil || slices.ContainsFunc(now, func(n SpaceNames) bool { return slices.Contains(n.Update, p) }) {
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

// updateNames notes that the file of a recorded cell has to be written anew, if it isn't as wanted: as the cell will be
// attached, with the names that will be. then are those that it should hold so far.
func (d *decider) updateNames(p realm.Path, attached *state.Attachment, names, then []SpaceNames) {
	actual, c := d.actual.Cells[p], d.changes[p]
	if actual == nil || c != nil && c.Action != Update {
		return
	}
	// The files of many cells in one space are long, and most are as they should be.
	want := HostsFile(p, attached, names)
	if actual.Hosts == want {
		return
	}
	expected := HostsFile(p, d.attachmentOf(p), then)
	if c == nil && want != expected {
		if at := slices.IndexFunc(names, func(n SpaceNames) bool { return n.Space == p.Space() }); at >= 0 {
			names[at].Update = append(names[at].Update, p)
		}
		return
	}
	if actual.Hosts != expected && d.attachmentOf(p) != nil && d.owns(p) {
		c = d.ensure(p)
		c.Reasons = append(c.Reasons, outside+"its /etc/hosts")
	}
}

// updateFiles notes that the other files of a recorded cell have to be written anew: without them no container of it can
// be started.
func (d *decider) updateFiles(p realm.Path) {
	actual, c := d.actual.Cells[p], d.changes[p]
	if actual == nil || d.attachmentOf(p) == nil || !d.owns(p) || c != nil && c.Action != Update {
		return
	}
	for _, name := range actual.Stale {
		c = d.ensure(p)
		c.Reasons = append(c.Reasons, outside+"its /etc/"+name)
	}
}
