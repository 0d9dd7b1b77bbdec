package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/review"
)

// byDanger lists the actions, the most dangerous first.
var byDanger = []plan.Action{
	plan.Delete, plan.Replace, plan.Forget, plan.Kill, plan.Stop, plan.Shutdown, plan.Pause, plan.Restart, plan.Update,
	plan.Create, plan.Start, plan.Unpause, plan.Record, plan.Adopt, plan.Check,
}

// danger is the place of an action in [byDanger].
func danger(a plan.Action) int {
	if at := slices.Index(byDanger, a); at >= 0 {
		return at
	}
	return len(byDanger)
}

// destructive reports whether the action ends a resource.
func destructive(a plan.Action) bool { return a == plan.Delete || a == plan.Replace }

// planTitle is the title of a report: the number of changes by action.
func planTitle(p *plan.Plan) string {
	title := "no changes"
	switch {
	case p.Destroy && p.Empty():
		title = "nothing to destroy"
	case !p.Empty():
		title = counts(p.Summary())
	}
	if p.Rollback > 0 {
		title = fmt.Sprintf("rollback to entry %d of the history, %s", p.Rollback, title)
	}
	if n := len(p.Hazards); n > 0 {
		title += ", " + plural(n, "hazard")
	}
	if n := len(p.Diagnostics); n > 0 {
		title += ", " + plural(n, "warning")
	}
	return title
}

// tally counts changes by action and kind.
type tally map[plan.Action]map[resource.Kind]int

func tallyOf(changes []*plan.Change) tally {
	t := tally{}
	for _, c := range changes {
		if t[c.Action] == nil {
			t[c.Action] = map[resource.Kind]int{}
		}
		t[c.Action][c.Path.Kind()]++
	}
	return t
}

// actions returns the counted actions, the most dangerous first.
func (t tally) actions() []plan.Action {
	return slices.DeleteFunc(slices.Clone(byDanger), func(a plan.Action) bool { return t[a] == nil })
}

// of returns the number of changes with the action.
func (t tally) of(a plan.Action) int {
	n := 0
	for _, count := range t[a] {
		n += count
	}
	return n
}

// kind returns the number of changes of the kind.
func (t tally) kind(k resource.Kind) int {
	n := 0
	for _, counts := range t {
		n += counts[k]
	}
	return n
}

// kinds returns the counted kinds, from the top down.
func (t tally) kinds() []resource.Kind {
	return slices.DeleteFunc(slices.Clone(resource.AllKinds), func(k resource.Kind) bool { return t.kind(k) == 0 })
}

// String returns the counts on one line, the most dangerous action first: "1 to delete, 12 to create".
func (t tally) String() string {
	var parts []string
	for _, a := range t.actions() {
		parts = append(parts, fmt.Sprintf("%d to %s", t.of(a), actionVerb(a)))
	}
	return strings.Join(parts, ", ")
}

// actionVerb returns the action as a sentence has it.
func actionVerb(a plan.Action) string {
	if a == plan.Shutdown {
		return "shut down"
	}
	return string(a)
}

// hazardKind holds the hazards with one code, those with the same detail together.
type hazardKind struct {
	code    string
	count   int
	details []hazardDetail
}

type hazardDetail struct {
	text  string
	paths []resource.Path
}

// hazardKinds groups the hazards by their codes: those of the most dangerous changes first, otherwise in the order of the
// paths.
func hazardKinds(p *plan.Plan) []*hazardKind {
	changes := p.ChangesByPath()
	at, worst := map[string]*hazardKind{}, map[string]int{}
	place := map[plan.Hazard]int{} // of details, by hazards without a path
	var kinds []*hazardKind
	for _, h := range inOrder(p.Hazards, paths(p.Hazards)) {
		k := at[h.Code]
		if k == nil {
			k = &hazardKind{code: h.Code}
			at[h.Code], worst[h.Code] = k, len(byDanger)
			kinds = append(kinds, k)
		}
		k.count++
		alike := plan.Hazard{Code: h.Code, Detail: h.Detail}
		i, ok := place[alike]
		if !ok {
			i = len(k.details)
			place[alike] = i
			k.details = append(k.details, hazardDetail{text: h.Detail})
		}
		k.details[i].paths = append(k.details[i].paths, h.Path)
		if c := changes[h.Path]; c != nil {
			worst[h.Code] = min(worst[h.Code], danger(c.Action))
		}
	}
	slices.SortStableFunc(kinds, func(a, b *hazardKind) int { return cmp.Compare(worst[a.code], worst[b.code]) })
	return kinds
}

// costItem is one effect of a plan, with the resources, ports or images that it is about.
type costItem struct {
	Text  string
	Names []string
}

// costItems returns the cost of a plan, the data at risk first.
func costItems(p *plan.Plan) []costItem {
	var items []costItem
	if c := p.Cost; c != nil {
		items = []costItem{
			lossItem(c.Losses), logItem(p), portItem(c.ClosedPorts, false), portItem(c.ClosedPorts, true), interruptionItem(c.Interruptions),
			pathItem("%s ended", c.Ended), pathItem("%s restarted", c.Restarted), pullItem(c.Pulls),
		}
	} else {
		items = []costItem{logItem(p)}
	}
	for i := range items {
		items[i].Names = natural(items[i].Names)
	}
	return slices.DeleteFunc(items, func(item costItem) bool { return len(item.Names) == 0 })
}

// logItem names the containers whose logs are deleted with them.
func logItem(p *plan.Plan) costItem {
	var paths []resource.Path
	for _, c := range p.Changes {
		if c.Path.Kind() == resource.KindContainer && destructive(c.Action) && c.Before != nil {
			paths = append(paths, c.Path)
		}
	}
	return pathItem("the logs of %s deleted", paths)
}

// pathItem has the number of containers in the text.
func pathItem(text string, paths []resource.Path) costItem {
	return costItem{fmt.Sprintf(text, plural(len(paths), "container")), texts(paths)}
}

func lossItem(losses []plan.Loss) costItem {
	var names []string
	var sizes []*int64
	for _, l := range losses {
		names, sizes = append(names, string(l.Container)), append(sizes, l.Bytes)
	}
	return sized("the own files of "+plural(len(losses), "container")+" deleted", names, sizes)
}

func pullItem(pulls []plan.Pull) costItem {
	var names []string
	var sizes []*int64
	for _, p := range pulls {
		names, sizes = append(names, p.Reference), append(sizes, p.Bytes)
	}
	return sized(plural(len(pulls), "image")+" to pull", names, sizes)
}

// sized adds the known sizes to names, and their sum to the text.
func sized(text string, names []string, sizes []*int64) costItem {
	total := int64(0)
	for i, size := range sizes {
		if size != nil {
			total += *size
			names[i] += " (" + review.Size(*size) + ")"
		}
	}
	if total > 0 {
		text += " (" + review.Size(total) + ")"
	}
	return costItem{text, names}
}

func portItem(ports []plan.ClosedPort, reopened bool) costItem {
	var names []string
	for _, p := range ports {
		if p.Reopened == reopened {
			names = append(names, p.Port+" of "+string(p.Cell))
		}
	}
	how := " closed for good"
	if reopened {
		how = " closed meanwhile"
	}
	return costItem{plural(len(names), "port") + how, names}
}

func interruptionItem(interruptions []plan.Interruption) costItem {
	var names []string
	longest := 0.0
	for _, i := range interruptions {
		name := string(i.Cell)
		if i.Seconds != nil {
			longest = max(longest, *i.Seconds)
			name += " (" + review.Duration(*i.Seconds) + ")"
		}
		names = append(names, name)
	}
	text := plural(len(interruptions), "cell") + " without network for a moment"
	if longest > 0 {
		text += ", " + review.Duration(longest) + " at most"
	}
	return costItem{text, names}
}

// commonPath returns the deepest cell, or resource above, that holds all changes of a group; empty for several realms.
func commonPath(g review.Group) resource.Path {
	p := g.Changes[0].Path
	if p.Kind() == resource.KindContainer {
		p = p.Parent()
	}
	for _, c := range g.Changes[1:] {
		for p != "" && !p.Contains(c.Path) {
			p = p.Parent()
		}
	}
	return p
}

// alikePath returns the path of a group's changes, with "…" for the names in which they differ.
func alikePath(g review.Group) string {
	names := g.Changes[0].Path.Names()
	for _, c := range g.Changes[1:] {
		for i, name := range c.Path.Names() {
			if names[i] != name {
				names[i] = "…"
			}
		}
	}
	return strings.Join(names, "/")
}
