package view

import (
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// Line prints s on a line of its own.
func (v *View) Line(s string) { v.printf("%s\n", visible(s)) }

// Diff prints how the file called name changes, as patch reads it.
func (v *View) Diff(name, before, after string) {
	var b strings.Builder
	for line := range strings.Lines(udiff.Unified("old/"+name, "new/"+name, before, after)) {
		line = visible(line)
		switch {
		case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"):
			line = v.ink.paintLine(v.ink.bold, line)
		case strings.HasPrefix(line, "@@"):
			line = v.ink.paintLine(v.ink.cyan, line)
		case strings.HasPrefix(line, "-"):
			line = v.ink.paintLine(v.ink.red, line)
		case strings.HasPrefix(line, "+"):
			line = v.ink.paintLine(v.ink.green, line)
		}
		b.WriteString(line)
	}
	v.printf("%s", b.String())
}

// paintLine paints a line but its end: colour that runs over the end would show in the next line.
func (ink *palette) paintLine(paint func(string, ...any) string, line string) string {
	text, found := strings.CutSuffix(line, "\n")
	if !found {
		return paint("%s", text)
	}
	return paint("%s", text) + "\n"
}
