package view

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/review"
)

// mostComputed is the number of rows up to which values that kuke chose are all shown, and firstComputed that of the rows that
// are shown of more.
const mostComputed, firstComputed = 20, 10

// rowIndent stands before the rows of a table, and before lists of names.
const rowIndent = "        "

// groups returns the changes as they are shown: the alike ones together, unless all are asked for.
func (ink *palette) groups(changes []*plan.Change) []review.Group {
	if !ink.unfolded {
		return review.Fold(changes)
	}
	groups := make([]review.Group, len(changes))
	for i, c := range changes {
		groups[i] = review.Group{Changes: []*plan.Change{c}}
	}
	return groups
}

// group returns the lines of changes that are alike: the headline with their number, the common attributes once, and a table of
// the values that differ.
func (ink *palette) group(g review.Group) *page {
	first := g.Changes[0]
	if len(g.Changes) == 1 {
		return ink.change(first)
	}
	b := &page{}
	within, names := relativeNames(g.Changes)
	look, indent, sign := ink.symbol(first.Action)
	noun := plural(len(g.Changes), first.Path.Kind().Lower()) + in(within)
	head := fmt.Sprintf(" %s %s", ink.bold("%s", noun), headlineOfGroup(first.Action))
	list := strings.Join(runs(names), ", ")
	short := signWidth+utf8.RuneCountInString(noun+" "+headlineOfGroup(first.Action)+": "+list) <= ink.width
	if short {
		head += ": " + list
	}
	b.add(look, indent, sign, head+"\n")
	if !short && len(g.Columns) == 0 {
		for _, line := range wrapped(runs(names), ", ", ink.width-len(rowIndent)) {
			b.writef("%s%s\n", rowIndent, line)
		}
	}
	ink.reasons(b, g.Reasons())
	patterns := patternsOf(g)
	ink.attributes(b, g, patterns)
	if len(g.Columns) > 0 {
		ink.differences(b, g, patterns, names)
	}
	return b
}

func in(within resource.Path) string {
	if within == "" {
		return ""
	}
	return " in " + string(within)
}

// headlineOfGroup is the predicate of several changes.
func headlineOfGroup(a plan.Action) string {
	return strings.Replace(headline[a], "has changed", "have changed", 1)
}

// relativeNames returns the path that holds all changes, and their paths from there.
func relativeNames(changes []*plan.Change) (within resource.Path, names []string) {
	within = changes[0].Path.Parent()
	for _, c := range changes {
		for within != "" && !within.Contains(c.Path) {
			within = within.Parent()
		}
	}
	for _, c := range changes {
		names = append(names, strings.TrimPrefix(strings.TrimPrefix(string(c.Path), string(within)), "/"))
	}
	return within, names
}

// difference is a column of a group, with the pattern of its values if there is one.
type difference struct {
	review.Column
	pattern *pattern
}

// differencesOf returns the columns of a group that are shown.
func differencesOf(g review.Group, patterns []*pattern) []difference {
	var columns []difference
	for i, c := range g.Columns {
		if i+1 < len(g.Columns) && isElement(c.Diffs[0], g.Columns[i+1].Diffs[0]) {
			continue
		}
		columns = append(columns, difference{c, patterns[i]})
	}
	return columns
}

// differences adds a table of the columns of a group, or, where that is too wide, the values of each change below its name.
func (ink *palette) differences(b *page, g review.Group, patterns []*pattern, names []string) {
	columns := differencesOf(g, patterns)
	computed := !slices.ContainsFunc(columns, func(c difference) bool { return !c.Diffs[0].Computed })
	order := naturalOrder(names)
	rest := 0
	if computed && len(order) > mostComputed {
		rest = len(order) - firstComputed
		order = order[:firstComputed]
	}
	b.writef("\n")
	if !ink.table(b, g, columns, names, order) {
		ink.blocks(b, g, columns, names, order)
	}
	if rest > 0 {
		b.writef("%s%s\n", rowIndent, ink.faint("(%d more hidden: --no-fold shows all)", rest))
	}
}

// blocks adds the differing values of each change as those of a single change are shown.
func (ink *palette) blocks(b *page, g review.Group, columns []difference, names []string, order []int) {
	for _, i := range order {
		b.writef("%s%s\n", rowIndent, names[i])
		var lines []diffLine
		for _, c := range columns {
			line := ink.diff(g.Changes[i], c.Diffs[i])
			line.remark = "" // it is with the name of the column
			if c.pattern != nil {
				line = diffLine{look: classPlain, sign: " ", name: ink.columnTitle(g, c), value: valueText{text: c.pattern.text(i)}}
			}
			lines = append(lines, line)
		}
		inner := &page{}
		ink.addLines(inner, lines)
		for _, l := range inner.lines {
			b.add(l.Class, "    "+l.Indent, l.Sign, l.Text+"\n")
		}
	}
}

// table adds a header, and a row for each change. It adds nothing and returns false if that is too wide.
func (ink *palette) table(b *page, g review.Group, columns []difference, names []string, order []int) bool {
	rows := [][]string{{g.Changes[0].Path.Kind().Lower()}}
	for _, c := range columns {
		rows[0] = append(rows[0], ink.columnTitle(g, c))
	}
	for _, i := range order {
		row := []string{names[i]}
		for _, c := range columns {
			row = append(row, ink.cell(g.Changes[i], c, i))
		}
		rows = append(rows, row)
	}
	const gap = 2
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	total := len(rowIndent) + gap*(len(widths)-1)
	for _, w := range widths {
		total += w
	}
	if total > ink.width {
		return false
	}
	for n, row := range rows {
		var line strings.Builder
		for i, text := range row {
			if i > 0 {
				line.WriteString(strings.Repeat(" ", gap))
			}
			fmt.Fprintf(&line, "%-*s", widths[i], text)
		}
		text := strings.TrimRight(line.String(), " ")
		if n == 0 {
			text = ink.faint("%s", text)
		}
		b.writef("%s%s\n", rowIndent, text)
	}
	return true
}

// columnTitle returns the name of a column, or the place of its words.
func (ink *palette) columnTitle(g review.Group, c difference) string {
	if c.pattern != nil {
		return hole + " in " + ink.columnName(g, c.Column)
	}
	return ink.columnName(g, c.Column)
}

// columnName returns the name of a column in the language of the configuration.
func (ink *palette) columnName(g review.Group, c review.Column) string {
	return visible(attributeName(g.Changes[0], plan.Diff{Name: c.Name}))
}

// cell spells the value of a column for the i-th change of its group, with the keys that the name of the column leaves open.
func (ink *palette) cell(change *plan.Change, c difference, i int) string {
	if c.pattern != nil {
		return c.pattern.text(i)
	}
	d := c.Diffs[i]
	member := joinsOrLeaves(d)
	if member && !strings.Contains(c.Name, openKey) {
		return visible(memberKey(d.Name))
	}
	text := ink.cellValue(change, d)
	if d.Name == c.Name || ownKey(change.Path, d.Name) {
		return text
	}
	name := attributeName(change, d)
	name = visible(name[max(strings.IndexByte(name, '['), 0):])
	if member {
		return name
	}
	return name + " = " + text
}

// openKey is in the name of a column for a key that differs.
const openKey = `["…"]`

// ownKey reports whether the only key of a name is in the path of its resource, which says it already.
func ownKey(p resource.Path, name string) bool {
	key := memberKey(name)
	return strings.Count(name, "[") == 1 && len(key) > 2 && slices.Contains(p.Names(), key[1:len(key)-1])
}

// cellValue spells a value, or its change, on one line.
func (ink *palette) cellValue(c *plan.Change, d plan.Diff) string {
	if d.Sensitive {
		return plan.SensitiveValue
	}
	a, _ := c.Path.Kind().LeafAttribute(d.Name)
	place := -1
	before, changed := d.Before.(string)
	after, ok := d.After.(string)
	if changed && ok {
		place = firstDifference(before, after)
	}
	spell := func(x any) string {
		if text, ok := x.(string); ok {
			return quoted(ink.cut(text, place))
		}
		return attributeValue(a, x)
	}
	switch {
	case d.Before == nil:
		return spell(d.After)
	case d.After == nil:
		return spell(d.Before)
	}
	return spell(d.Before) + " -> " + spell(d.After)
}

// memberKey returns the last key of a name, with its quotation marks.
func memberKey(name string) string {
	return strings.TrimSuffix(name[strings.LastIndex(name, `["`)+1:], "]")
}
