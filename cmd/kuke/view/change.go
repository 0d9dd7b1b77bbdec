package view

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/review"
)

// change returns the lines of one change.
func (ink *palette) change(c *plan.Change) *page {
	b := &page{}
	look, indent, sign := ink.symbol(c.Action)
	b.add(look, indent, sign, fmt.Sprintf(" %s %s\n", ink.bold("%s %s", c.Path.Kind().Lower(), c.Path), headline[c.Action]))
	ink.reasons(b, c.Reasons)
	ink.attributes(b, review.Group{Changes: []*plan.Change{c}}, nil)
	return b
}

func (ink *palette) reasons(b *page, reasons []string) {
	for _, reason := range reasons {
		for _, line := range ink.sentence(visible(reason), len("      # ")) {
			b.add(classReason, "", "", fmt.Sprintf("      %s\n", ink.faint("# %s", line)))
		}
	}
}

// sentence returns a text in lines that fit on the terminal behind an indentation. Elsewhere, where programs may search it, it
// is one line.
func (ink *palette) sentence(text string, indent int) []string {
	if !ink.terminal {
		return []string{text}
	}
	return wrapped(strings.Split(text, " "), " ", ink.width-indent)
}

// prose returns a text as [palette.sentence] does, with the lines behind the first one indented. Its own line breaks stay.
func (ink *palette) prose(text string, indent int) string {
	var all []string
	for line := range strings.SplitSeq(text, "\n") {
		all = append(all, ink.sentence(line, indent)...)
	}
	return strings.Join(all, "\n"+strings.Repeat(" ", indent))
}

// widestName is the number of characters up to which a name aligns the values of a change: a longer one would push them out
// of sight.
const widestName = 36

// diffLine is the line of an attribute that changes, with those that follow it.
type diffLine struct {
	look       class
	sign, name string
	value      valueText // without text for a member of a set, which has no value beside being in it
	remark     string
}

// attributes adds the attributes of a change, or those of a group, of which the values in a column, or the words in which its
// values differ from their pattern, are shown elsewhere.
func (ink *palette) attributes(b *page, g review.Group, patterns []*pattern) {
	c, columns := g.Changes[0], g.Columns
	shown := review.Shown(c)
	var lines []diffLine
	for i, d := range shown {
		line := ink.diff(c, d)
		if len(columns) > 0 && columns[0].Diffs[0].Name == d.Name {
			line.name, line.value = ink.columnName(g, columns[0]), valueText{text: "(differs)"}
			if patterns[0] != nil {
				line.value = ink.changedValue(c, patterns[0].diff)
			}
			columns, patterns = columns[1:], patterns[1:]
		}
		if i+1 < len(shown) && isElement(d, shown[i+1]) {
			continue // the attributes of an element that comes or goes are shown in its place
		}
		lines = append(lines, line)
	}
	ink.addLines(b, lines)
	if c.Before != nil && (c.Action == plan.Update || c.Action == plan.Replace) {
		if n := unchanged(g); n != "" {
			b.writef("      %s\n", ink.faint("(%s hidden)", n))
		}
	}
}

// isElement reports whether a difference only says that an element is there whose first attribute is the next difference.
func isElement(d, next plan.Diff) bool { return strings.HasPrefix(next.Name, d.Name+".") }

// addLines adds lines with their values aligned.
func (ink *palette) addLines(b *page, lines []diffLine) {
	width := 0
	for _, l := range lines {
		if n := utf8.RuneCountInString(l.name); l.value.text != "" && n <= widestName {
			width = max(width, n)
		}
	}
	for _, l := range lines {
		ink.addLine(b, l, width)
	}
}

// addLine adds the line of an attribute, and those below. The new value is on a line of its own, below the old one, if one line
// would be too long for both.
func (ink *palette) addLine(b *page, l diffLine, width int) {
	const indent = "      "
	remark := ""
	if l.remark != "" {
		remark = ink.red("%s", l.remark)
	}
	if l.value.text == "" {
		b.add(l.look, indent, l.sign, " "+l.name+remark+"\n")
		return
	}
	text := fmt.Sprintf(" %-*s = %s", width, l.name, l.value.text)
	change := " -> " + l.value.then
	length := len(indent) + 1 + utf8.RuneCountInString(text+change)
	if ink.terminal {
		length += len(l.remark)
	}
	switch {
	case l.value.then == "":
		b.add(l.look, indent, l.sign, text+remark+"\n")
	case utf8.RuneCountInString(l.value.text+change) <= widestInline && length <= ink.width:
		b.add(l.look, indent, l.sign, text+change+remark+"\n")
	default:
		b.add(l.look, indent, l.sign, text+"\n")
		width = max(width, utf8.RuneCountInString(l.name))
		b.writef("%s  %*s%s%s\n", indent, width, "", change[1:], remark)
	}
	if l.value.below != nil {
		b.append(l.value.below)
	}
}

func (ink *palette) diff(c *plan.Change, d plan.Diff) diffLine {
	line := diffLine{name: visible(attributeName(c, d))}
	switch {
	case d.Before == nil:
		line.look, line.sign = classAdd, ink.green("+")
	case d.After == nil:
		line.look, line.sign = classDelete, ink.red("-")
	default:
		line.look, line.sign = classChange, ink.yellow("~")
	}
	if !joinsOrLeaves(d) {
		line.value = ink.changedValue(c, d)
	}
	if d.ForcesReplacement && c.Action == plan.Replace && c.Before != nil {
		line.remark = " # forces replacement"
	}
	return line
}

// joinsOrLeaves reports whether a value comes into a set, or leaves it.
func joinsOrLeaves(d plan.Diff) bool {
	return d.Before == nil && isMember(d.Name, d.After) || d.After == nil && isMember(d.Name, d.Before)
}

// unchanged counts the values that each change of a group does not touch, such as "2 unchanged attributes"; "" for none.
func unchanged(g review.Group) string {
	least, most := -1, 0
	for _, c := range g.Changes {
		changed := map[string]bool{}
		for _, d := range c.Diffs {
			changed[d.Name] = true
		}
		n := 0
		for _, leaf := range resource.Leaves(c.After.Spec) {
			if !changed[leaf.Name] {
				n++
			}
		}
		if least < 0 || n < least {
			least = n
		}
		most = max(most, n)
	}
	switch {
	case most == 0:
		return ""
	case least == most:
		return plural(most, "unchanged attribute")
	}
	return fmt.Sprintf("%d to %s", least, plural(most, "unchanged attribute"))
}
