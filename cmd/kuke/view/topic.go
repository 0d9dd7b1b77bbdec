package view

import (
	"io"
	"os"

	"golang.org/x/term"

	"github.com/kukeon/kuke/cmd/kuke/help"
)

// Lines of a topic are as long as the terminal is wide, within these bounds.
const (
	narrowestTopic = 40
	widestTopic    = 110
	topicWidth     = 80 // where there is no terminal
)

// Topic prints a page of the manual.
func (v *View) Topic(t help.Topic) {
	style := help.Style{Width: Width(v.out.Writer)}
	if v.colored {
		mark := func(paint func(string, ...any) string) func(string) string {
			return func(text string) string { return paint("%s", text) }
		}
		style.Heading, style.Strong, style.Code = mark(v.ink.bold), mark(v.ink.bold), mark(v.ink.cyan)
	}
	v.printf("%s", t.Text(style))
}

// Width returns the number of columns for running text on out.
func Width(out io.Writer) int {
	f, ok := out.(*os.File)
	if !ok {
		return topicWidth
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		return topicWidth
	}
	return max(narrowestTopic, min(width, widestTopic))
}
