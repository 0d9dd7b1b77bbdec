package view

import (
	"fmt"
	"strings"
)

// class is the look of a line in a report.
type class string

const (
	classPlain   class = "plain"
	classAdd     class = "add"
	classDelete  class = "delete"
	classChange  class = "change"
	classReason  class = "reason"
	classWarning class = "warning"
)

// line is a line of a page. Sign is the one of a change, empty if the line has none; Indent and Text stand before and after it.
type line struct {
	Class              class
	Indent, Sign, Text string
}

// page is a plan, a state or diagnostics by lines, with the colours of the view that made it. It is made once, and printed on a
// terminal, as Markdown or as HTML.
type page struct {
	lines []line
}

// writef adds lines without a sign. The text ends with a line break.
func (p *page) writef(format string, args ...any) {
	p.add(classPlain, "", "", fmt.Sprintf(format, args...))
}

// add adds a line with a sign, and those that text goes on with. The text ends with a line break.
func (p *page) add(c class, indent, sign, text string) {
	for part := range strings.Lines(text) {
		p.lines = append(p.lines, line{c, indent, sign, strings.TrimSuffix(part, "\n")})
		if sign != "" {
			c, indent, sign = classPlain, "", ""
		}
	}
}

// append adds the lines of another page.
func (p *page) append(other *page) { p.lines = append(p.lines, other.lines...) }

// String returns the page as a terminal shows it.
func (p *page) String() string {
	var b strings.Builder
	for _, l := range p.lines {
		b.WriteString(l.Indent + l.Sign + l.Text + "\n")
	}
	return b.String()
}
