package view

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/fatih/color"

	"github.com/kukeon/kuke/executor"
)

// logColors are assigned to containers in turn.
var logColors = []color.Attribute{color.FgCyan, color.FgYellow, color.FgGreen, color.FgMagenta, color.FgBlue, color.FgHiCyan, color.FgHiYellow, color.FgHiGreen}

// Log prints the output of containers: their standard error to errs, all else to out.
type Log struct {
	out, errs  *View
	prefixes   []string
	timestamps bool
	mu         sync.Mutex
}

// Log returns a printer for containers of the given names. With several containers each line begins with the name.
func (v *View) Log(errs *View, names []string, timestamps bool) *Log {
	l := &Log{out: v, errs: errs, timestamps: timestamps, prefixes: make([]string, len(names))}
	width := 0
	for _, name := range names {
		width = max(width, len(name))
	}
	for i, name := range names {
		if len(names) > 1 {
			l.prefixes[i] = v.ink.paint(logColors[i%len(logColors)])("%-*s |", width, name) + " "
		}
	}
	return l
}

// Print prints a line of the i-th container.
func (l *Log) Print(i int, e executor.LogEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Missing > 0 {
		l.errs.Note(fmt.Sprintf("%sLines are missing here: %d full log files were removed before they could be read. Read faster, for example into a file", l.prefixes[i], e.Missing))
		return
	}
	to := l.out
	if e.Stream == "stderr" {
		to = l.errs
	}
	var b strings.Builder
	b.WriteString(l.prefixes[i])
	if l.timestamps && !e.Time.IsZero() {
		b.WriteString(e.Time.UTC().Format(time.RFC3339Nano) + " ")
	}
	text := e.Text
	if to.terminal {
		// Of CRLF the terminal needs no more than the line feed.
		text = visibleLine(strings.TrimSuffix(text, "\r"))
	}
	to.printf("%s%s\n", b.String(), text)
}
