package view

import "github.com/fatih/color"

// palette makes the lines of plans, states and diagnostics, and colours their parts. Without colours it returns plain text.
type palette struct {
	bold, faint, red, green, yellow, cyan func(format string, a ...any) string
	paint                                 func(attrs ...color.Attribute) func(format string, a ...any) string
}

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
		paint: paint, bold: paint(color.Bold), faint: paint(color.Faint), red: paint(color.FgRed),
		green: paint(color.FgGreen), yellow: paint(color.FgYellow), cyan: paint(color.FgCyan),
	}
}
