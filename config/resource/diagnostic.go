package resource

import (
	"fmt"
	"strings"
)

// Severity tells an error, which stops the command, from a warning, which doesn't.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Pos is a place in a source file. Line and Column count from 1, Column in characters; Byte is an offset from 0.
type Pos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

// Range is a stretch of a source file, End exclusive. The zero Range stands for no place at all.
type Range struct {
	File  string `json:"filename"`
	Start Pos    `json:"start"`
	End   Pos    `json:"end"`
}

// String returns "file:line:column", or the file alone where no line is known.
func (r Range) String() string {
	if r.Start.Line == 0 {
		return r.File
	}
	return fmt.Sprintf("%s:%d:%d", r.File, r.Start.Line, r.Start.Column)
}

// Diagnostic is something to tell the user about what they wrote or about the host.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	// Summary is a short fixed sentence that names the kind of trouble, without a full stop.
	Summary string `json:"summary"`
	// Detail says what is wrong with what, why, and how to mend it.
	Detail string `json:"detail,omitempty"`
	// Path is the resource concerned, or empty.
	Path Path `json:"address,omitempty"`
	// Subject is the place in the configuration, or the zero Range.
	Subject Range `json:"range,omitzero"`
}

// Diagnostics is a list of them, in the order they were found. As an error it is never empty.
type Diagnostics []Diagnostic

// HasErrors reports whether any of ds is an error.
func (ds Diagnostics) HasErrors() bool {
	for _, d := range ds {
		if d.Severity == Error {
			return true
		}
	}
	return false
}

// Error returns one line for each diagnostic, so that Diagnostics can travel as an error.
func (ds Diagnostics) Error() string {
	lines := make([]string, 0, len(ds))
	for _, d := range ds {
		line := d.Summary
		if d.Detail != "" {
			line += ": " + d.Detail
		}
		if d.Subject.File != "" {
			line = d.Subject.String() + ": " + line
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// Errorf appends an error about subject; detail is built from format and args.
func (ds *Diagnostics) Errorf(subject Range, path Path, summary, format string, args ...any) {
	*ds = append(*ds, Diagnostic{Severity: Error, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: subject, Path: path})
}

// Warnf appends a warning about subject; detail is built from format and args.
func (ds *Diagnostics) Warnf(subject Range, path Path, summary, format string, args ...any) {
	*ds = append(*ds, Diagnostic{Severity: Warning, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: subject, Path: path})
}
