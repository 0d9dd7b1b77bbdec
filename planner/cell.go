package planner

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/internal/allocate"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// decideAttachment adds the attachment to the change of a cell, with its differences from the host.
func (d *networks) decideAttachment(p resource.Path, a *state.Attachment) {
	had := d.in.attachmentOf(p)
	drift := d.cellDrift(p, had)
	if d.draft.changes[p] == nil && reflect.DeepEqual(had, a) && len(drift) == 0 {
		return
	}
	c := d.draft.ensure(p)
	c.After.Status.Attachment = a
	if c.Action != plan.Update {
		had = nil
	}
	if had != nil {
		c.Reasons = append(c.Reasons, drift...)
		c.Reattach = d.reattached(p, had, a)
	} else if c.Action == plan.Update {
		c.Reasons = append(c.Reasons, "it has no address yet")
	}
	c.Diffs = append(c.Diffs, computed("network", attachedMode(had), a.Mode)...)
	for _, i := range a.Interfaces {
		before, before6 := "", ""
		if other := had.In(i.Space); other != nil {
			before, before6 = other.Address, other.Address6
		}
		c.Diffs = append(c.Diffs, addressDiffs(i.Space, before, i.Address, before6, i.Address6)...)
	}
	if had == nil {
		had = &state.Attachment{}
	}
	for _, i := range had.Interfaces {
		if a.In(i.Space) == nil {
			c.Diffs = append(c.Diffs, addressDiffs(i.Space, i.Address, "", i.Address6, "")...)
		}
	}
	c.Diffs = append(c.Diffs, computed("mac_address", macOf(had), macOf(a))...)
	c.Diffs = append(c.Diffs, setDiffs("published", had.Published, a.Published)...)
	c.Diffs = append(c.Diffs, setDiffs("aliases", aliases(had), aliases(a))...)
	c.Diffs = append(c.Diffs, etcDiffs(had.Etc, a.Etc)...)
}

// addressDiffs compares the addresses of a cell in a space.
func addressDiffs(space resource.Path, before, after, before6, after6 string) []plan.Diff {
	return slices.Concat(computed(fmt.Sprintf("networks[%q]", space.Name()), before, after), computed(fmt.Sprintf("networks6[%q]", space.Name()), before6, after6))
}

// etcDiffs compares the content of a cell's files in /etc.
func etcDiffs(before, after state.Etc) []plan.Diff {
	diffs := slices.Concat(computed("hostname", before.Hostname, after.Hostname), computed("domainname", before.Domainname, after.Domainname))
	for _, list := range []struct {
		name          string
		before, after []string
	}{
		{"dns", before.DNS, after.DNS}, {"dns_search", before.DNSSearch, after.DNSSearch}, {"dns_options", before.DNSOptions, after.DNSOptions},
	} {
		diffs = append(diffs, computed(list.name, strings.Join(list.before, " "), strings.Join(list.after, " "))...) // their order counts
	}
	return append(diffs, setDiffs("extra_hosts", before.ExtraHosts, after.ExtraHosts)...)
}

// macOf returns the MAC address that is chosen for a cell in its space, or "".
func macOf(a *state.Attachment) string {
	if len(a.Interfaces) == 0 {
		return ""
	}
	return a.Interfaces[0].MAC
}

// attachedMode returns the mode of an attachment, which may be nil.
func attachedMode(a *state.Attachment) string {
	if a == nil {
		return ""
	}
	return a.Mode
}

// aliases returns the names of a cell beyond those that its path gives it.
func aliases(a *state.Attachment) []string {
	const fromPath = 2
	return a.Names[min(fromPath, len(a.Names)):]
}

// reattached names the interfaces of a recorded cell that stay as they are, and are not so on the host.
func (d *networks) reattached(p resource.Path, had, a *state.Attachment) []string {
	if d.in.rootOf(p) == "" || d.draft.netnsMoves(p) {
		return nil
	}
	flawed := d.in.actual.FlawedInterfaces(p, had, d.in.live(d.in.rootOf(p)))
	var again []string // nil for none, as a saved plan is read
	for _, i := range had.Interfaces {
		if stays := a.In(i.Space); stays != nil && *stays == i && slices.Contains(flawed, i.Name) {
			again = append(again, i.Name)
		}
	}
	return again
}

// cellDrift returns the differences of a recorded cell's network from its record. Where the root container starts with a
// new network namespace, that is the only one.
func (d *networks) cellDrift(p resource.Path, had *state.Attachment) []string {
	if d.in.rootOf(p) == "" || d.draft.netnsMoves(p) {
		return nil
	}
	drift := d.in.actual.AttachmentFlaws(p, had, d.in.live(d.in.rootOf(p)))
	for i := range drift {
		drift[i] = outside + drift[i]
	}
	return drift
}

// checkForeignCells makes sure that no container wants a cell changed that the plan may not change.
func (d *networks) checkForeignCells() {
	for _, r := range d.in.desired.Resources() {
		spec, ok := r.Spec.(*resource.Container)
		if !ok || r.External || !d.draft.targeted(r.Path) || d.draft.owns(r.Path.Parent()) || d.draft.after(r.Path) == nil {
			continue
		}
		name := ""
		switch {
		case len(spec.Ports) > 0:
			name = "ports"
		case len(spec.Networks) > 0:
			name = "networks"
		case len(spec.NetworksAliases) > 0:
			name = "networksAliases"
		default:
			if name = resource.NamingOf(spec); name == "" || d.in.rootOf(r.Path.Parent()) != r.Path {
				continue
			}
		}
		d.diags.Errorf(r.RangeOf(name), r.Path, "Cell is managed elsewhere", "container %s sets %s, which concerns all of cell %s, but that is not managed here: set it where the cell is declared.", r.Path, name, r.Path.Parent())
	}
}

// decideNames finds the cells whose /etc/hosts has to be written: those that change, those whose neighbours change, and
// those whose file has changed.
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

// updateNames notes that the file of a recorded cell has to be written again, unless it has the desired content, where
// names are the future names. then makes the content of the files so far.
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

// updateFiles notes that the other files of a recorded cell have to be written again: without them none of its containers
// can be started.
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
