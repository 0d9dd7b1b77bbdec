package resource

import (
	"fmt"
	"strings"
)

// Severity distinguishes an error, which stops the command, from a warning.
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

// Range is a stretch of a source file, End exclusive. The zero Range is no place.
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

// Diagnostic is a message to the user about the configuration or the host.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	// Summary is a noun phrase that names the kind of problem. It is the same for all problems of that kind.
	Summary string `json:"summary"`
	// Detail describes the problem and its reason in sentences, and ends with the fix.
	Detail string `json:"detail,omitempty"`
	// Path is the resource concerned, or empty.
	Path Path `json:"address,omitempty"`
	// Subject is the place in the configuration, or the zero Range.
	Subject Range `json:"range,omitzero"`
}

// Diagnostics is a list in the order of discovery. As an error it is never empty.
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
