package view

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// The bounds of values in the text of a plan, in characters and lines.
const (
	// widestInline is the width up to which a changed value, or a list, is on the line of its name.
	widestInline = 80
	// longestValue is the length from which a text is cut, and headOfValue, beforeDifference, afterDifference and tailOfValue are
	// the lengths of the parts that stay.
	longestValue                                                = 160
	headOfValue, beforeDifference, afterDifference, tailOfValue = 40, 40, 50, 30
	// mostLines is the number of lines up to which a text without a counterpart is shown whole; of a longer one there are
	// firstLines and lastLines.
	mostLines, firstLines, lastLines = 24, 16, 4
	// contextLines and contextElements are shown around a difference.
	contextLines, contextElements = 2, 1
)

// valueText is how a plan spells a value or its change.
type valueText struct {
	// text is on the line of the name; then, where not empty, is the value that it becomes.
	text, then string
	// below are lines that follow, of a text or list with several. The last one closes it.
	below *page
}

// changedValue spells the change of an attribute.
func (ink *palette) changedValue(c *plan.Change, d plan.Diff) valueText {
	a, _ := c.Path.Kind().LeafAttribute(d.Name)
	before, after := d.Before, d.After
	switch {
	case d.Sensitive && before != nil && after != nil:
		return valueText{text: plan.SensitiveValue, then: plan.SensitiveValue}
	case d.Sensitive:
		return valueText{text: plan.SensitiveValue}
	case before == nil:
		return ink.oneValue(a, after)
	case after == nil:
		return ink.oneValue(a, before)
	}
	if x, ok := before.(string); ok {
		if y, ok := after.(string); ok {
			return ink.changedText(x, y)
		}
	}
	if x, ok := before.([]string); ok {
		if y, ok := after.([]string); ok {
			return ink.changedList(x, y)
		}
	}
	return valueText{text: attributeValue(a, before), then: attributeValue(a, after)}
}

func (ink *palette) oneValue(a *resource.Attribute, x any) valueText {
	switch x := x.(type) {
	case string:
		if !hasLines(x) {
			return valueText{text: quoted(ink.cut(x, -1))}
		}
		b := &page{}
		ink.lines(b, x)
		return heredoc(b, blockIndent)
	case []string:
		if inline(x) {
			return valueText{text: value(x)}
		}
		b := &page{}
		for _, element := range x {
			ink.element(b, element)
		}
		return list(b)
	}
	return valueText{text: attributeValue(a, x)}
}

func (ink *palette) changedText(before, after string) valueText {
	if !hasLines(before) && !hasLines(after) {
		place := firstDifference(before, after)
		return valueText{text: quoted(ink.cut(before, place)), then: quoted(ink.cut(after, place))}
	}
	b := &page{}
	ink.changedLines(b, before, after, blockIndent)
	return heredoc(b, blockIndent)
}

func (ink *palette) changedList(before, after []string) valueText {
	if x, y := value(before), value(after); inline(before) && inline(after) && utf8.RuneCountInString(x+" -> "+y) <= widestInline {
		return valueText{text: x, then: y}
	}
	b := &page{}
	for _, e := range edits(before, after, contextElements) {
		if e.kind == replaced {
			b.add(classChange, blockIndent, ink.yellow("~"), " <<-EOT\n")
			ink.changedLines(b, e.text, e.by, blockIndent+"    ")
			b.writef("%s  EOT\n", blockIndent)
			continue
		}
		ink.edit(b, blockIndent, e, "element", quoted)
	}
	return list(b)
}

// blockIndent stands before the sign of a line of a text or list.
const blockIndent = "          "

func heredoc(below *page, indent string) valueText {
	below.writef("%sEOT\n", indent[2:])
	return valueText{text: "<<-EOT", below: below}
}

func list(below *page) valueText {
	below.writef("%s]\n", blockIndent[2:])
	return valueText{text: "[", below: below}
}

// element adds a line, or lines, for an element of a list.
func (ink *palette) element(b *page, text string) {
	if !hasLines(text) {
		b.writef("%s  %s\n", blockIndent, quoted(ink.cut(text, -1)))
		return
	}
	b.writef("%s  <<-EOT\n", blockIndent)
	inner := &page{}
	ink.lines(inner, text)
	for _, l := range inner.lines {
		b.writef("    %s\n", l.Text)
	}
	b.writef("%s  EOT\n", blockIndent)
}

// lines adds the lines of a text, of a long one the first and the last.
func (ink *palette) lines(b *page, text string) {
	all := linesOf(text)
	shown := func(part []string) {
		for _, l := range part {
			b.writef("%s  %s\n", blockIndent, spelledLine(ink.cut(l, -1)))
		}
	}
	if len(all) <= mostLines || ink.unfolded {
		shown(all)
		return
	}
	shown(all[:firstLines])
	b.writef("%s  %s\n", blockIndent, ink.faint("(%s hidden)", plural(len(all)-firstLines-lastLines, "line")))
	shown(all[len(all)-lastLines:])
}

// changedLines adds the lines that differ, with those around them.
func (ink *palette) changedLines(b *page, before, after, indent string) {
	for _, e := range edits(linesOf(before), linesOf(after), contextLines) {
		ink.edit(b, indent, e, "line", spelledLine)
	}
	switch had, has := strings.HasSuffix(before, "\n"), strings.HasSuffix(after, "\n"); {
	case had && !has:
		ink.removedLine(b, indent, "(line break at the end)")
	case has && !had:
		ink.addedLine(b, indent, "(line break at the end)")
	}
}

// edit adds the line of an edit.
func (ink *palette) edit(b *page, indent string, e edit, noun string, spell func(string) string) {
	text := spell(ink.cut(e.text, e.place))
	switch e.kind {
	case hidden:
		b.writef("%s  %s\n", indent, ink.faint("(%s hidden)", plural(e.number, "unchanged "+noun)))
	case removed:
		ink.removedLine(b, indent, text)
	case added:
		ink.addedLine(b, indent, text)
	default:
		b.writef("%s  %s\n", indent, text)
	}
}

func (ink *palette) removedLine(b *page, indent, text string) {
	b.add(classDelete, indent, ink.red("-"), " "+text+"\n")
}

func (ink *palette) addedLine(b *page, indent, text string) {
	b.add(classAdd, indent, ink.green("+"), " "+text+"\n")
}

func hasLines(text string) bool { return strings.Contains(text, "\n") }

// linesOf returns the lines of a text without their line breaks.
func linesOf(text string) []string {
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// inline reports whether a list is short enough for the line of its name.
func inline(list []string) bool {
	return !slices.ContainsFunc(list, hasLines) && utf8.RuneCountInString(value(list)) <= widestInline
}

// spelledLine spells a line of a text.
func spelledLine(text string) string { return visible(escaped(text)) }

// quoted spells a text as JSON does. The parts that [palette.cut] leaves out are marked in it.
func quoted(text string) string { return value(text) }

// cut returns a text without its middle if it is long, but with the part at a place, unless that is negative. The length of the
// whole text is in the gap.
func (ink *palette) cut(text string, place int) string {
	all := []rune(text)
	if len(all) <= longestValue || ink.unfolded {
		return text
	}
	parts := [][2]int{{0, headOfValue}, {len(all) - tailOfValue, len(all)}}
	if place < 0 {
		parts[0][1] += beforeDifference
		parts[1][0] -= afterDifference
	} else {
		parts = slices.Insert(parts, 1, [2]int{place - beforeDifference, place + afterDifference})
	}
	gap := fmt.Sprintf("…(%s characters)…", grouped(len(all)))
	var b strings.Builder
	shown := 0
	for _, part := range parts {
		from, to := min(max(part[0], shown), len(all)), min(part[1], len(all))
		if from > shown {
			b.WriteString(gap)
			gap = "…"
		}
		if to > from {
			b.WriteString(string(all[from:to]))
			shown = to
		}
	}
	return b.String()
}

// firstDifference returns the number of characters in which two texts begin alike.
func firstDifference(before, after string) int {
	x, y := []rune(before), []rune(after)
	n := 0
	for n < len(x) && n < len(y) && x[n] == y[n] {
		n++
	}
	return n
}

// grouped spells a number with commas between the thousands.
func grouped(n int) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
