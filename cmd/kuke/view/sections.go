package view

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/review"
)

const (
	// leastWithHeadings is the number of groups from which each stack has a heading.
	leastWithHeadings = 30
	// leastRepeated is the number of lines from which a plan repeats its destructive changes at its end, which a terminal shows.
	leastRepeated = 50
	// mostRepeated is the maximum number of groups in that list.
	mostRepeated = 20
	// mostNameLines is the maximum number of lines for the names of a group in that list, mostForcing that of the attributes that
	// force its replacement, and leastWhy the number of characters that its reason has at least.
	mostNameLines, mostForcing, leastWhy = 3, 3, 30
	// signWidth is the width of the sign of a change and the space behind it.
	signWidth = len("-/+ ")
)

// division is a part of a long plan.
type division struct {
	title  string
	groups []review.Group
}

// changes adds the groups in their order, in a long plan with a heading for each stack.
func (ink *palette) changes(b *page, groups []review.Group) {
	spaced := true
	for _, s := range sections(groups) {
		if s.title != "" {
			part := &plan.Plan{}
			for _, g := range s.groups {
				part.Changes = append(part.Changes, g.Changes...)
			}
			b.writef("\n%s\n", ink.bold("── %s: %s", s.title, counts(part.Summary())))
			spaced = true
		}
		for _, g := range s.groups {
			// Changes of one line stand close together, longer ones apart.
			change := ink.group(g)
			long := len(change.lines) > 1
			if long || spaced {
				b.writef("\n")
			}
			spaced = long
			b.append(change)
		}
	}
}

// sections divides a long plan by stacks: first the realms and spaces, which have no title, then the groups of several stacks,
// then each stack. A plan that is easy to survey is one section.
func sections(groups []review.Group) []division {
	const several = "in several stacks"
	parts := []division{{}, {title: several}}
	index := map[string]int{"": 0, several: 1}
	for _, g := range groups {
		title := ""
		if stack := stackOf(g.Changes[0].Path); stack != "" {
			title = "stack " + string(stack)
			if slices.ContainsFunc(g.Changes, func(c *plan.Change) bool { return stackOf(c.Path) != stack }) {
				title = several
			}
		}
		at, ok := index[title]
		if !ok {
			at = len(parts)
			index[title] = at
			parts = append(parts, division{title: title})
		}
		parts[at].groups = append(parts[at].groups, g)
	}
	parts = slices.DeleteFunc(parts, func(s division) bool { return len(s.groups) == 0 })
	titled := slices.DeleteFunc(slices.Clone(parts), func(s division) bool { return s.title == "" })
	if len(groups) < leastWithHeadings || len(titled) < 2 {
		return []division{{groups: groups}}
	}
	return parts
}

// stackOf returns the stack at or above p, or "" for a realm or a space.
func stackOf(p resource.Path) resource.Path {
	if p.Depth() < resource.KindStack.Depth() {
		return ""
	}
	for p.Depth() > resource.KindStack.Depth() {
		p = p.Parent()
	}
	return p
}

func isDestructive(c *plan.Change) bool {
	return c.Action == plan.Delete || c.Action == plan.Replace
}

// gravity orders destructive groups: destroyed resources, then replaced ones.
func gravity(g review.Group) int {
	if g.Changes[0].Action == plan.Delete {
		return 0
	}
	return 1
}

// destructive repeats the changes that delete containers and other resources in few lines, at the end of a long plan in which
// they are among others.
func (ink *palette) destructive(b *page, p *plan.Plan, groups []review.Group) {
	var found []review.Group
	changes := 0
	for _, g := range groups {
		if isDestructive(g.Changes[0]) {
			found = append(found, g)
			changes += len(g.Changes)
		}
	}
	if len(b.lines) < leastRepeated || len(found) == 0 || len(found) == len(groups) {
		return
	}
	// The gravest come first: the list may be cut.
	slices.SortStableFunc(found, func(x, y review.Group) int { return cmp.Compare(gravity(x), gravity(y)) })
	b.writef("\n%s\n", ink.bold("Destroyed or replaced, %d of %s:", changes, plural(len(p.Changes), "change")))
	for _, g := range found[:min(len(found), mostRepeated)] {
		ink.short(b, g)
	}
	if n := len(found) - mostRepeated; n > 0 {
		b.writef("%s\n", andMore(n, "change"))
	}
}

// short adds the resources of a group, and the attributes or the first reason that they are destroyed or replaced for.
func (ink *palette) short(b *page, g review.Group) {
	c := g.Changes[0]
	kind := c.Path.Kind().Lower()
	name, names := kind+" "+string(c.Path), []string(nil)
	if len(g.Changes) > 1 {
		within, all := relativeNames(g.Changes)
		name, names = plural(len(g.Changes), kind)+in(within), runs(all)
	}
	why := ink.why(g)
	if list := ": " + strings.Join(names, ", "); len(names) > 0 && signWidth+utf8.RuneCountInString(name+list+why) <= ink.width {
		name, names = name+list, nil
	}
	if room := max(ink.width-signWidth-utf8.RuneCountInString(name), leastWhy); utf8.RuneCountInString(why) > room {
		why = string([]rune(why)[:room-1]) + "…"
	}
	look, indent, sign := ink.symbol(c.Action)
	b.add(look, indent, sign, " "+ink.bold("%s", name)+ink.faint("%s", why)+"\n")
	lines := wrapped(names, ", ", ink.width-len(rowIndent))
	for _, line := range lines[:min(len(lines), mostNameLines)] {
		b.writef("%s%s\n", rowIndent, line)
	}
	if n := len(lines) - mostNameLines; n > 0 {
		b.writef("%s…\n", rowIndent)
	}
}

// why is a remark with the attributes that force the replacement of a group, else with its first reason.
func (ink *palette) why(g review.Group) string {
	c, columns := g.Changes[0], g.Columns
	var forcing []string
	for _, d := range review.Shown(c) {
		name := visible(attributeName(c, d))
		if len(columns) > 0 && columns[0].Diffs[0].Name == d.Name {
			name, columns = ink.columnName(g, columns[0]), columns[1:]
		}
		if d.ForcesReplacement && c.Action == plan.Replace && c.Before != nil {
			forcing = append(forcing, name)
		}
	}
	switch {
	case len(forcing) > 0:
		return " # " + strings.Join(forcing[:min(len(forcing), mostForcing)], ", ")
	case len(c.Reasons) > 0:
		return " # " + visible(g.Reasons()[0])
	}
	return ""
}
