package view

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/review"
)

// form says how much of a group of changes a comment shows.
type form int

const (
	formCounted form = iota
	formNamed
	formFull
)

// item is a group of changes in a comment.
type item struct {
	group review.Group
	name  string
	text  string // of the form full
	form  form
}

func (i *item) action() plan.Action { return i.group.Changes[0].Action }

// section holds the changes below a path; the one of many paths has none.
type section struct {
	path  resource.Path
	items []*item
	tally tally
	// paths is the number of paths of a section without one.
	paths int
	// run is the longest run of backticks in the items that are shown in full.
	run int
}

// comment is the part of a report in Markdown that shows the changes, in sections of which each unfolds.
type comment struct {
	sections []*section
	// left is the number of bytes that are free.
	left int
	// open says that the sections with destructive changes are unfolded from the start.
	open bool
}

const (
	// mostSections is the maximum number of sections, framesLimit that of the bytes that they take up without their changes.
	mostSections, framesLimit = 24, 16_000
	// itemsPerSection is the average number of groups of changes from which a section has paths of one level more.
	itemsPerSection = 4
	// blockLimit is the maximum size of one group of changes, in bytes.
	blockLimit = 4_000
	// fewGroups is the maximum number of groups of changes that are unfolded from the start.
	fewGroups = 20
)

// comment lays the groups of changes out in at most that many bytes: the destructive ones first, each in full as far as
// there is room, then by name, then as a number.
func (ink *palette) comment(p *plan.Plan, groups []review.Group, most int) *comment {
	c := &comment{sections: ink.sectionsOf(groups), left: most - len(cutNote(len(p.Changes)))}
	destroyed := 0
	for _, g := range groups {
		if destructive(g.Changes[0].Action) {
			destroyed++
		}
	}
	c.open = destroyed > 0 && destroyed <= fewGroups || len(groups) <= fewGroups
	var dangerous, others []placed
	for _, s := range c.sections {
		c.left -= s.frame()
		for _, i := range s.items {
			if destructive(i.action()) {
				dangerous = append(dangerous, placed{s, i})
			} else {
				others = append(others, placed{s, i})
			}
		}
	}
	for _, all := range [][]placed{dangerous, others} {
		slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(danger(a.item.action()), danger(b.item.action())) })
	}
	c.show(dangerous, formNamed, 0)
	c.show(dangerous, formFull, 0)
	c.show(others, formFull, c.left/4)
	c.show(others, formNamed, 0)
	return c
}

// placed is an item in its section.
type placed struct {
	section *section
	item    *item
}

// show gives the items the form, as long as more than that many bytes are left.
func (c *comment) show(all []placed, f form, reserve int) {
	for _, p := range all {
		if p.item.form >= f {
			continue
		}
		size := p.section.size(p.item, f) - p.section.size(p.item, p.item.form)
		if c.left-size < reserve {
			continue
		}
		c.left -= size
		p.item.form = f
		if f == formFull {
			p.section.run = max(p.section.run, longestRun(p.item.text))
		}
	}
}

// size is the number of bytes that an item takes up in a section.
func (s *section) size(i *item, f form) int {
	switch f {
	case formNamed:
		return len(i.name) + len(", ")
	case formFull:
		growth := max(0, fenceLength(longestRun(i.text))-fenceLength(s.run))
		return len(i.text) + len("\n") + 2*growth
	}
	return 0
}

// sectionsOf puts the groups into sections, the most dangerous first: by cell, or by a level above where that gives fewer
// sections of a fair size.
func (ink *palette) sectionsOf(groups []review.Group) []*section {
	var sections []*section
	for depth := resource.KindCell.Depth(); depth > 0; depth-- {
		sections = split(groups, depth)
		if len(sections) <= max(1, min(mostSections, len(groups)/itemsPerSection)) {
			break
		}
	}
	slices.SortStableFunc(sections, func(a, b *section) int { return cmp.Compare(a.danger(), b.danger()) })
	frames := 0
	for i, s := range sections {
		frames += s.frame()
		if i > 0 && (i >= mostSections || frames > framesLimit) {
			sections = append(sections[:i-1], merged(sections[i-1:]))
			break
		}
	}
	for _, s := range sections {
		slices.SortStableFunc(s.items, func(a, b *item) int { return cmp.Compare(danger(a.action()), danger(b.action())) })
		for _, i := range s.items {
			i.name = s.nameOf(i.group)
			i.text = clipped(diffText(ink.group(i.group)), blockLimit)
		}
	}
	return sections
}

func split(groups []review.Group, depth int) []*section {
	var sections []*section
	at := map[resource.Path]*section{}
	for _, g := range groups {
		p := commonPath(g)
		for p.Depth() > depth {
			p = p.Parent()
		}
		s := at[p]
		if s == nil {
			s = &section{path: p}
			at[p] = s
			sections = append(sections, s)
		}
		s.items = append(s.items, &item{group: g})
	}
	for _, s := range sections {
		s.count()
	}
	return sections
}

// merged returns one section with the items of all.
func merged(sections []*section) *section {
	s := &section{paths: len(sections)}
	for _, other := range sections {
		s.items = append(s.items, other.items...)
	}
	s.count()
	return s
}

func (s *section) count() {
	var changes []*plan.Change
	for _, i := range s.items {
		changes = append(changes, i.group.Changes...)
	}
	s.tally = tallyOf(changes)
}

// danger is that of the most dangerous change.
func (s *section) danger() int { return danger(s.tally.actions()[0]) }

// frame is an upper bound of the bytes of a section beside its items.
func (s *section) frame() int {
	const tags, perAction = 120, 60 // the number of the changes that are not shown, by action
	return len(s.title()) + tags + perAction*len(s.tally)
}

// title is the first line of a section, as HTML.
func (s *section) title() string {
	name := "<code>" + html.EscapeString(oneLine(string(s.path))) + "</code>"
	switch {
	case s.path != "":
		name = s.path.Kind().Lower() + " " + name
	case s.paths > 0:
		name = plural(s.paths, "other path")
	default:
		name = "all realms"
	}
	return name + ": " + s.tally.String()
}

// nameOf returns the name of a group within the section, as code.
func (s *section) nameOf(g review.Group) string {
	within := func(p resource.Path) string {
		if rest, ok := strings.CutPrefix(string(p), string(s.path)+"/"); ok && s.path != "" {
			return code(rest)
		}
		return code(string(p))
	}
	first, last := g.Changes[0], g.Changes[len(g.Changes)-1]
	if len(g.Changes) == 1 {
		return within(first.Path)
	}
	return fmt.Sprintf("%s … %s (%d alike)", within(first.Path), within(last.Path), len(g.Changes))
}

// cutNote says that changes are not shown in full.
func cutNote(n int) string {
	return fmt.Sprintf("\nThis comment has no room for %s in full. `kuke show PLAN` and `kuke show --html PLAN` show all.\n", plural(n, "change"))
}

// String returns the comment as Markdown.
func (c *comment) String() string {
	var b strings.Builder
	hidden := 0
	for _, s := range c.sections {
		open := ""
		if c.open && (s.danger() <= danger(plan.Replace) || len(c.sections) == 1) {
			open = " open"
		}
		fmt.Fprintf(&b, "\n<details%s>\n<summary>%s</summary>\n\n", open, s.title())
		var text strings.Builder
		for _, i := range s.items {
			if i.form == formFull {
				if text.Len() > 0 {
					text.WriteString("\n")
				}
				text.WriteString(i.text)
			}
		}
		if text.Len() > 0 {
			b.WriteString(fenced(text.String()) + "\n")
		}
		hidden += s.rest(&b)
		b.WriteString("</details>\n")
	}
	if hidden > 0 {
		b.WriteString(cutNote(hidden))
	}
	return b.String()
}

// rest writes the names and the number of the changes that are not shown in full, the most dangerous first, and returns their
// number.
func (s *section) rest(b *strings.Builder) int {
	total := 0
	for _, a := range s.tally.actions() {
		var names []string
		n, others := 0, 0
		for _, i := range s.items {
			if i.action() != a || i.form == formFull {
				continue
			}
			n += len(i.group.Changes)
			if i.form == formNamed {
				names = append(names, i.name)
			} else {
				others += len(i.group.Changes)
			}
		}
		if n == 0 {
			continue
		}
		total += n
		fmt.Fprintf(b, "- %d more to %s", n, actionVerb(a))
		if len(names) > 0 {
			b.WriteString(": " + strings.Join(names, ", "))
			if others > 0 {
				fmt.Fprintf(b, " and %d more", others)
			}
		}
		b.WriteString("\n")
	}
	if total > 0 {
		b.WriteString("\n")
	}
	return total
}
