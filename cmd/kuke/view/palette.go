package view

import "github.com/fatih/color"

// palette makes the lines of plans, states and diagnostics, and colours their parts. Without colours it returns plain text.
type palette struct {
	bold, faint, red, green, yellow, cyan func(format string, a ...any) string
	paint                                 func(attrs ...color.Attribute) func(format string, a ...any) string
	// width is that of the terminal in characters, or of the page.
	width int
	// terminal says that sentences are wrapped to the width.
	terminal bool
	// unfolded says that each change is shown by itself, and values in full.
	unfolded bool
}

// pageWidth is the width of a page in characters; a terminal has its own.
const pageWidth = 100

func newPalette(colored bool) *palette {
	paint := func(attrs ...color.Attribute) func(string, ...any) string {
		c := color.New(attrs...)
		if colored {
			c.EnableColor()
		} else {
			c.DisableColor()
		}
		return c.Sprintf
	}
	return &palette{
		paint: paint, width: pageWidth, bold: paint(color.Bold), faint: paint(color.Faint), red: paint(color.FgRed),
		green: paint(color.FgGreen), yellow: paint(color.FgYellow), cyan: paint(color.FgCyan),
	}
}
