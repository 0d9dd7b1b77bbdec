package planner

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// SpaceNames are the names of the cells of one space as they will be, for the /etc/hosts of those that are attached
// to it.
type SpaceNames struct {
	Space   resource.Path `json:"space"`
	Entries []NameEntry   `json:"entries"`
	// Update lists the cells of the space whose file isn't written by a change of their own.
	Update []resource.Path `json:"update,omitempty"`
}

// NameEntry says what a cell is called, and its address in the space.
type NameEntry struct {
	Cell    resource.Path `json:"cell"`
	Address string        `json:"address"` // without the length of the prefix
	Names   []string      `json:"names"`
}

// HostsFile returns the /etc/hosts of a cell that is attached as a says, where names are those of its spaces. A name
// that several cells have means the one of the cell's own stack, or else that of the space attached to first; the
// others keep theirs with the stack.
func HostsFile(cell resource.Path, a *state.Attachment, names []SpaceNames) string {
	return newHosts(names).file(cell, a)
}

// hosts makes the /etc/hosts of many cells of the same spaces: what all of them have in common is made once.
type hosts struct {
	spaces map[resource.Path][]hostsEntry
}

type hostsEntry struct {
	NameEntry
	stack resource.Path
	// line is the one of the file, where no other entry has a name of this one; else it is empty.
	line string
}

func newHosts(names []SpaceNames) *hosts {
	count := map[string]int{}
	for _, n := range names {
		for _, e := range n.Entries {
			for _, name := range e.Names {
				count[name]++
			}
		}
	}
	h := &hosts{spaces: make(map[resource.Path][]hostsEntry, len(names))}
	for _, n := range names {
		entries := make([]hostsEntry, 0, len(n.Entries))
		for _, e := range n.Entries {
			entry := hostsEntry{NameEntry: e, stack: e.Cell.Parent()}
			if len(e.Names) > 0 && !slices.ContainsFunc(e.Names, func(name string) bool { return count[name] > 1 }) {
				entry.line = hostsLine(e.Address, e.Names)
			}
			entries = append(entries, entry)
		}
		if h.spaces[n.Space] == nil {
			h.spaces[n.Space] = entries
		}
	}
	return h
}

func hostsLine(address string, names []string) string {
	return address + " " + strings.Join(names, " ") + "\n"
}

// file is what [HostsFile] returns.
func (h *hosts) file(cell resource.Path, a *state.Attachment) string {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
	if a == nil {
		return b.String()
	}
	taken := map[string]bool{}
	line := func(e *hostsEntry) {
		if e.line != "" {
			b.WriteString(e.line)
			return
		}
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
			b.WriteString(hostsLine(e.Address, free))
		}
	}
	stack := cell.Parent()
	ranks := []func(*hostsEntry) bool{
		func(e *hostsEntry) bool { return e.Cell == cell },
		func(e *hostsEntry) bool { return e.Cell != cell && e.stack == stack },
		func(e *hostsEntry) bool { return e.stack != stack },
	}
	for _, i := range a.Interfaces {
		entries := h.spaces[i.Space]
		for _, ofRank := range ranks {
			for n := range entries {
				if e := &entries[n]; ofRank(e) && (e.Cell != cell || i.Space == cell.Space()) {
					line(e)
				}
			}
		}
	}
	return b.String()
}

// namesIn returns the names of the cells that are attached to the space, by what attachment returns for each.
func namesIn(space resource.Path, cells []resource.Path, attachment func(resource.Path) *state.Attachment) SpaceNames {
	names := SpaceNames{Space: space, Entries: []NameEntry{}}
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
	after := func(p resource.Path) *state.Attachment {
		if r := d.after(p); r != nil {
			return r.Status.Attachment
		}
		return nil
	}
	var cells []resource.Path
	for _, p := range d.order {
		if p.Kind() == resource.KindCell {
			cells = append(cells, p)
		}
	}
	var now, then []SpaceNames
	for _, p := range d.order {
		if p.Kind() == resource.KindSpace && d.after(p) != nil {
			now = append(now, namesIn(p, cells, after))
			then = append(then, namesIn(p, cells, d.attachmentOf))
		}
	}
	wanted, expected := newHosts(now), newHosts(then)
	needed := map[resource.Path]bool{}
	for _, p := range cells {
		a := after(p)
		if a == nil {
			continue
		}
		d.updateNames(p, now, wanted.file(p, a), expected)
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

// updateNames notes that the file of a recorded cell has to be written anew, if it isn't as wanted, where names are those
// that will be. then makes the files as they should be so far.
func (d *decider) updateNames(p resource.Path, names []SpaceNames, want string, then *hosts) {
	actual, c := d.actual.Cells[p], d.changes[p]
	// The files of many cells in one space are long, and most are as they should be.
	if actual == nil || c != nil && c.Action != Update || actual.Hosts == want {
		return
	}
	expected := then.file(p, d.attachmentOf(p))
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
func (d *decider) updateFiles(p resource.Path) {
	actual, c := d.actual.Cells[p], d.changes[p]
	if actual == nil || d.attachmentOf(p) == nil || !d.owns(p) || c != nil && c.Action != Update {
		return
	}
	for _, name := range actual.Stale {
		c = d.ensure(p)
		c.Reasons = append(c.Reasons, outside+"its /etc/"+name)
	}
}
