package plan

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

// NameEntry holds the names of a cell and its address in the space.
type NameEntry struct {
	Cell    resource.Path `json:"cell"`
	Address string        `json:"address"` // without the length of the prefix
	// Address6 is the IPv6 address, empty where it has none.
	Address6 string   `json:"address6,omitempty"`
	Names    []string `json:"names"`
}

// HostsFile returns the /etc/hosts of a cell with the attachment a, given the names in its spaces. A name of several cells
// refers to the one in the cell's own stack, or else in the first space; the others keep their names with the stack.
func HostsFile(cell resource.Path, a *state.Attachment, names []SpaceNames) string {
	return NewHosts(names).File(cell, a)
}

// Hosts makes the /etc/hosts of many cells of the same spaces. The common lines are made once.
type Hosts struct {
	spaces map[resource.Path][]hostsEntry
}

// File returns the result of [HostsFile]. That of a cell in the host's network is empty here: it is made from the host's.
func (h *Hosts) File(cell resource.Path, a *state.Attachment) string {
	if a.OnHost() {
		return ""
	}
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
	if a == nil {
		return b.String()
	}
	taken := writeOwnHosts(&b, cell, a)
	foreign := len(taken) > 0
	line := func(e *hostsEntry) {
		if e.line != "" && !foreign {
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
			b.WriteString(e.lines(free))
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

// writeOwnHosts writes the extra hosts of a cell and its fully qualified host name. It returns the names that can't refer to
// other cells, because one libc takes the first line with a name, and another all of them.
func writeOwnHosts(b *strings.Builder, cell resource.Path, a *state.Attachment) map[string]bool {
	taken := map[string]bool{}
	b.WriteString(ExtraHostLines(a))
	for _, text := range a.ExtraHosts {
		if h, err := resource.ParseExtraHost(text); err == nil {
			taken[h.Name] = true
		}
	}
	if a.Hostname == "" && a.Domainname == "" || len(a.Interfaces) == 0 {
		return taken
	}
	prefix, err := netip.ParsePrefix(a.Interfaces[0].Address)
	if err != nil {
		return taken
	}
	names := []string{a.HostnameOf(cell)}
	if a.Domainname != "" {
		names = []string{names[0] + "." + a.Domainname, names[0]}
	} else if host, _, ok := strings.Cut(names[0], "."); ok {
		names = append(names, host)
	}
	b.WriteString(hostsLine(prefix.Addr().String(), names))
	if prefix6, err := netip.ParsePrefix(a.Interfaces[0].Address6); err == nil {
		b.WriteString(hostsLine(prefix6.Addr().String(), names))
	}
	for _, name := range names {
		if !slices.Contains(a.Names, name) { // the names of the cell have a line of their own
			taken[name] = true
		}
	}
	return taken
}

// ExtraHostLines returns the lines of the extra hosts of a cell in its hosts file.
func ExtraHostLines(a *state.Attachment) string {
	var b strings.Builder
	for _, text := range a.ExtraHosts {
		if h, err := resource.ParseExtraHost(text); err == nil {
			b.WriteString(hostsLine(h.Address.String(), []string{h.Name}))
		}
	}
	return b.String()
}

type hostsEntry struct {
	NameEntry
	stack resource.Path
	// line holds the lines of the file, where no other entry has a name of this one; else it is empty.
	line string
}

// NewHosts returns the files of the cells of spaces with these names.
func NewHosts(names []SpaceNames) *Hosts {
	count := map[string]int{}
	for _, n := range names {
		for _, e := range n.Entries {
			for _, name := range e.Names {
				count[name]++
			}
		}
	}
	h := &Hosts{spaces: make(map[resource.Path][]hostsEntry, len(names))}
	for _, n := range names {
		entries := make([]hostsEntry, 0, len(n.Entries))
		for _, e := range n.Entries {
			entry := hostsEntry{NameEntry: e, stack: e.Cell.Parent()}
			if len(e.Names) > 0 && !slices.ContainsFunc(e.Names, func(name string) bool { return count[name] > 1 }) {
				entry.line = e.lines(e.Names)
			}
			entries = append(entries, entry)
		}
		if h.spaces[n.Space] == nil {
			h.spaces[n.Space] = entries
		}
	}
	return h
}

// lines returns a line for each address of the cell.
func (e *NameEntry) lines(names []string) string {
	lines := hostsLine(e.Address, names)
	if e.Address6 != "" {
		lines += hostsLine(e.Address6, names)
	}
	return lines
}

func hostsLine(address string, names []string) string {
	return address + " " + strings.Join(names, " ") + "\n"
}

// NamesIn returns the names of the cells that are attached to the space; attachment returns the attachment of a cell.
func NamesIn(space resource.Path, cells []resource.Path, attachment func(resource.Path) *state.Attachment) SpaceNames {
	names := SpaceNames{Space: space, Entries: []NameEntry{}}
	for _, p := range cells {
		a := attachment(p)
		if i := a.In(space); i != nil {
			prefix, err := netip.ParsePrefix(i.Address)
			if err != nil {
				continue
			}
			e := NameEntry{Cell: p, Address: prefix.Addr().String(), Names: a.Names}
			if prefix6, err := netip.ParsePrefix(i.Address6); err == nil {
				e.Address6 = prefix6.Addr().String()
			}
			names.Entries = append(names.Entries, e)
		}
	}
	return names
}

// NamesOf returns the names of the recorded cells, by space.
func NamesOf(prior *state.State) []SpaceNames {
	var names []SpaceNames
	var cells []resource.Path
	paths := prior.Paths()
	for _, p := range paths {
		if p.Kind() == resource.KindCell {
			cells = append(cells, p)
		}
	}
	for _, p := range paths {
		if p.Kind() == resource.KindSpace {
			names = append(names, NamesIn(p, cells, func(q resource.Path) *state.Attachment { return prior.Records[q].Status.Attachment }))
		}
	}
	return names
}
