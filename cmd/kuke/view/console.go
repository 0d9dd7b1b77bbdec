package view

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/term"
)

// usualWidth and usualHeight are the size of a terminal that does not tell it.
const usualWidth, usualHeight = 80, 24

// console draws lines on a terminal in place of those drawn before, also after a change of its size. It implements
// [mpb.ConsoleWriter].
type console struct {
	terminal *os.File
	// text is to be printed above the lines to be drawn.
	text, lines bytes.Buffer
	// widths are those of the lines to be drawn; drawn those of the lines on the terminal, above the cursor.
	widths, drawn []int
}

// Write implements [io.Writer]: it takes text to be printed above the lines.
func (c *console) Write(p []byte) (int, error) { return c.text.Write(p) }

// ReadFrom implements [io.ReaderFrom]: it takes a line to be drawn. An empty one was left out for lack of room.
func (c *console) ReadFrom(r io.Reader) (int64, error) {
	before := c.lines.Len()
	n, err := c.lines.ReadFrom(r)
	if n > 0 {
		c.widths = append(c.widths, utf8.RuneCount(c.lines.Bytes()[before:])-len("\n"))
	}
	return n, err
}

// IsTerminal implements [mpb.ConsoleWriter].
func (c *console) IsTerminal() bool { return true }

// GetTermSize implements [mpb.ConsoleWriter]. The cursor has the last row.
func (c *console) GetTermSize() (width, height int, err error) {
	width, height, err = term.GetSize(int(c.terminal.Fd()))
	if width == 0 {
		width = usualWidth
	}
	if height == 0 {
		height = usualHeight
	}
	return width, max(height-1, 1), err
}

// Flush implements [mpb.ConsoleWriter]: it replaces the drawn lines. The argument counts lines that were left out.
func (c *console) Flush(int) error {
	width, _, err := c.GetTermSize()
	if err != nil {
		return err
	}
	// A terminal that has become narrower shows a line in several rows.
	rows := 0
	for _, n := range c.drawn {
		rows += max((n+width-1)/width, 1)
	}
	var out bytes.Buffer
	if rows > 0 {
		fmt.Fprintf(&out, "\r\x1b[%dA\x1b[J", rows) // keys that were pressed may have moved the cursor
	}
	out.Write(c.text.Bytes())
	out.Write(c.lines.Bytes())
	c.text.Reset()
	c.lines.Reset()
	c.drawn, c.widths = c.widths, c.drawn[:0]
	_, err = c.terminal.Write(out.Bytes())
	return err
}

// redirect has the view write to another writer, or to its own one once the other is closed, until the result is called.
func (v *View) redirect(to io.Writer) (restore func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	own := v.out.Writer
	v.out.Writer = fallback{to, own}
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.out.Writer = own
	}
}

// fallback is a writer with another one for its failure.
type fallback struct {
	io.Writer
	instead io.Writer
}

// Write implements [io.Writer].
func (f fallback) Write(p []byte) (int, error) {
	if n, err := f.Writer.Write(p); err == nil {
		return n, nil
	}
	return f.instead.Write(p)
}
