package view

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/review"
	"github.com/kukeon/kuke/planner/state"
)

// document is a report as a page that loads nothing else.
type document struct {
	Title, Project string
	// Policy forbids the page to load anything, and allows no style and script but its own.
	Policy string
	Style  template.CSS
	Script template.JS
	Tally  []tallyRow
	Kinds  []resource.Kind
	// Hazards, Cost, Warnings and Effects come before the changes, those of no kind are left out.
	Hazards                     []hazardList
	Cost                        []costItem
	Policies, Warnings, Effects []line
	Tree                        []*branch
	Changes                     int
	Graph                       *figure
	// Text is the content of a page without changes.
	Text []line
}

// tallyRow counts the changes of one action by kind.
type tallyRow struct {
	Action plan.Action
	Verb   string
	Look   class
	Counts []tallyCount
	Total  int
}

type tallyCount struct {
	Kind  resource.Kind
	Count int
}

// hazardList holds the hazards of one code, those with the same detail together.
type hazardList struct {
	Code    string
	Count   int
	Details []detailList
	// Open says that the list is unfolded from the start.
	Open bool
}

type detailList struct {
	Text  string
	Links []pathLink
}

// pathLink refers to the change of a resource; Link is empty where it has none.
type pathLink struct {
	Path resource.Path
	Link string
}

// branch is a resource in the tree of a page, with its own change, those of its containers, and the resources below.
type branch struct {
	Path     resource.Path
	Changes  []*entry
	Branches []*branch
	// Destroyed counts the changes of the branch that end a resource, and Tally the others.
	Destroyed, Tally string
	// Open says that the branch is unfolded from the start.
	Open bool

	actions tally
}

// entry is a group of changes in the tree: one change, or several that are alike.
type entry struct {
	// ID is the path of a single change, by which links refer to it. Those of several changes are in the rows.
	ID                     resource.Path
	Action                 plan.Action
	Kind                   resource.Kind
	Look                   class
	Sign, Noun, Path, Does string
	Alike                  int
	Hazards                []entryHazard
	Codes                  []string
	Lines                  []line
	Columns                []string
	Rows                   []entryRow
	Open                   bool
}

// entryHazard is a hazard of a number of changes of an entry.
type entryHazard struct {
	Code, Text string
	Count      int
}

// entryRow is a change of several that are alike, with the values that differ.
type entryRow struct {
	ID     resource.Path
	Values []string
}

const (
	// fewEntries is the maximum number of groups of changes of which a page unfolds all from the start, and fewRemarkable that of
	// the destructive and hazardous ones that it unfolds among more.
	fewEntries, fewRemarkable = 30, 30
	// fewDetails is the maximum number of different details of one code that are unfolded from the start, and fewLinks that of
	// the links below them.
	fewDetails, fewLinks = 12, 24
)

// planHTML prints a plan as a page.
func (v *View) planHTML(p *plan.Plan) error {
	ink := v.plain()
	d := &document{Title: "kuke plan: " + planTitle(p), Project: p.Project, Cost: costItems(p), Changes: len(p.Changes)}
	if p.Empty() {
		d.Text = ink.plan(p).lines
	}
	d.count(p)
	d.warn(p)
	d.Policies = ink.verdictOf(p)
	d.Warnings = trimmed(ink.diagnostics(p.Diagnostics, nil).lines)
	if effects := (&page{}); !p.Empty() {
		ink.surgery(effects, p)
		ink.effects(effects, p)
		d.Effects = trimmed(effects.lines)
	}
	var branches map[resource.Path]*branch
	d.Tree, branches = ink.branches(p, review.Fold(p.Changes))
	graph, err := planFigure(p, branches)
	if err != nil {
		return err
	}
	d.Graph = graph
	return v.document(d)
}

// stateHTML prints the recorded resources as a page.
func (v *View) stateHTML(st *state.State) error {
	return v.document(&document{Title: stateTitle(st), Text: v.plain().state(st).lines})
}

func (v *View) document(d *document) error {
	style, script := reportFile("style.css")+reportFile("graph.css"), reportFile("script.js")
	d.Style, d.Script = template.CSS(style), template.JS(script)
	d.Policy = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", integrity(style), integrity(script))
	var b strings.Builder
	if err := reportTemplates.ExecuteTemplate(&b, "page", d); err != nil {
		return fmt.Errorf("print HTML: %w", err)
	}
	v.printf("%s", b.String())
	return nil
}

// integrity returns the hash by which a policy allows a text.
func integrity(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// warn adds the hazards.
func (d *document) warn(p *plan.Plan) {
	changes := p.ChangesByPath()
	for _, k := range hazardKinds(p) {
		list := hazardList{Code: k.code, Count: k.count, Open: len(k.details) <= fewDetails && k.count <= fewLinks}
		for _, detail := range k.details {
			links := detailList{Text: visible(detail.text)}
			for _, path := range detail.paths {
				links.Links = append(links.Links, pathLink{path, changeLink(changes, path)})
			}
			list.Details = append(list.Details, links)
		}
		d.Hazards = append(d.Hazards, list)
	}
}

func (d *document) count(p *plan.Plan) {
	t := tallyOf(p.Changes)
	d.Kinds = t.kinds()
	ink := newPalette(false)
	for _, a := range t.actions() {
		look, _, _ := ink.symbol(a)
		row := tallyRow{Action: a, Verb: actionVerb(a), Look: actionLook(a, look), Total: t.of(a)}
		for _, k := range d.Kinds {
			row.Counts = append(row.Counts, tallyCount{k, t[a][k]})
		}
		d.Tally = append(d.Tally, row)
	}
}

// actionLook is the look of an action on a page, where a replacement looks like the deletion that it begins with.
func actionLook(a plan.Action, look class) class {
	if destructive(a) {
		return classDelete
	}
	return look
}

// trimmed returns the lines without empty ones at both ends.
func trimmed(lines []line) []line {
	empty := func(l line) bool { return l.Indent+l.Sign+l.Text == "" }
	for len(lines) > 0 && empty(lines[0]) {
		lines = lines[1:]
	}
	for len(lines) > 0 && empty(lines[len(lines)-1]) {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// branches returns the groups of changes of a plan as a tree of paths, and all branches by their paths.
func (ink *palette) branches(p *plan.Plan, groups []review.Group) ([]*branch, map[resource.Path]*branch) {
	hazards := map[resource.Path][]plan.Hazard{}
	for _, h := range p.Hazards {
		hazards[h.Path] = append(hazards[h.Path], h)
	}
	root, at := &branch{actions: tally{}}, map[resource.Path]*branch{}
	at[""] = root
	var destroyed, hazardous []*entry
	for _, g := range groups {
		e := ink.entry(g, hazards)
		e.Open = len(groups) <= fewEntries
		switch {
		case destructive(e.Action):
			destroyed = append(destroyed, e)
		case len(e.Hazards) > 0:
			hazardous = append(hazardous, e)
		}
		b := branchAt(at, commonPath(g))
		b.Changes = append(b.Changes, e)
		for ; b != nil; b = b.above(at) {
			b.add(g, e)
		}
	}
	remarkable := append(destroyed, hazardous...)
	if len(remarkable) > fewRemarkable {
		remarkable = destroyed
	}
	if len(remarkable) <= fewRemarkable {
		for _, e := range remarkable {
			e.Open = true
		}
	}
	for _, b := range at {
		slices.SortStableFunc(b.Changes, func(a, b *entry) int { return cmp.Compare(a.order(), b.order()) })
	}
	root.unfold()
	if len(root.Changes) > 0 {
		return append([]*branch{{Changes: root.Changes, Open: true}}, root.Branches...), at
	}
	return root.Branches, at
}

// order puts the destructive changes of a branch before the others, which keep the order of the plan.
func (e *entry) order() int {
	if destructive(e.Action) {
		return danger(e.Action)
	}
	return len(byDanger)
}

// branchAt returns the branch of a path, which is made with those above it where it is missing.
func branchAt(at map[resource.Path]*branch, p resource.Path) *branch {
	b := at[p]
	if b == nil {
		b = &branch{Path: p, actions: tally{}}
		at[p] = b
		above := branchAt(at, p.Parent())
		above.Branches = append(above.Branches, b)
	}
	return b
}

// above returns the branch above, nil for the root.
func (b *branch) above(at map[resource.Path]*branch) *branch {
	if b.Path == "" {
		return nil
	}
	return at[b.Path.Parent()]
}

// add counts the changes of an entry in the branch.
func (b *branch) add(g review.Group, e *entry) {
	if b.actions[e.Action] == nil {
		b.actions[e.Action] = map[resource.Kind]int{}
	}
	b.actions[e.Action][e.Kind] += len(g.Changes)
}

// unfold counts the changes of the branch, and unfolds it from the start if it is an upper one or holds a change that is. It
// returns whether it holds one.
func (b *branch) unfold() bool {
	destroyed, others := tally{}, tally{}
	for a, counts := range b.actions {
		if destructive(a) {
			destroyed[a] = counts
		} else {
			others[a] = counts
		}
	}
	b.Destroyed, b.Tally = destroyed.String(), others.String()
	open := slices.ContainsFunc(b.Changes, func(e *entry) bool { return e.Open })
	for _, below := range b.Branches {
		open = below.unfold() || open
	}
	b.Open = open || b.Path.Depth() <= resource.KindSpace.Depth()
	return open
}

// entry returns a group with its text.
func (ink *palette) entry(g review.Group, hazards map[resource.Path][]plan.Hazard) *entry {
	first := g.Changes[0]
	look, _, sign := ink.symbol(first.Action)
	e := &entry{
		Action: first.Action, Kind: first.Path.Kind(), Look: actionLook(first.Action, look), Sign: sign, Noun: first.Path.Kind().Lower(),
		Path: alikePath(g), Does: headline[first.Action], Alike: len(g.Changes),
	}
	e.warn(g, hazards)
	if len(g.Changes) == 1 {
		e.ID = first.Path
		e.Lines = ink.change(first).lines[1:]
		return e
	}
	e.Noun = plural(len(g.Changes), first.Path.Kind().Lower())
	common := &page{}
	patterns := patternsOf(g)
	ink.reasons(common, g.Reasons())
	ink.attributes(common, g, patterns)
	e.Lines = common.lines
	columns := differencesOf(g, patterns)
	for _, c := range columns {
		e.Columns = append(e.Columns, ink.columnTitle(g, c))
	}
	var paths []string
	for _, c := range g.Changes {
		paths = append(paths, string(c.Path))
	}
	for _, i := range naturalOrder(paths) {
		c := g.Changes[i]
		row := entryRow{ID: c.Path}
		for _, column := range columns {
			row.Values = append(row.Values, ink.cell(c, column, i))
		}
		e.Rows = append(e.Rows, row)
	}
	return e
}

// warn adds the hazards of the changes, those with the same detail as one.
func (e *entry) warn(g review.Group, hazards map[resource.Path][]plan.Hazard) {
	place := map[plan.Hazard]int{} // by hazards without a path
	for _, c := range g.Changes {
		for _, h := range hazards[c.Path] {
			alike := plan.Hazard{Code: h.Code, Detail: h.Detail}
			i, ok := place[alike]
			if !ok {
				i = len(e.Hazards)
				place[alike] = i
				e.Hazards = append(e.Hazards, entryHazard{Code: h.Code, Text: visible(h.Detail)})
			}
			e.Hazards[i].Count++
			if !slices.Contains(e.Codes, h.Code) {
				e.Codes = append(e.Codes, h.Code)
			}
		}
	}
}
