package view

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/kukeon/kuke/config/resource"
)

// Error prints err, which may be or hold diagnostics, with the places in sources.
func (v *View) Error(err error, sources map[string][]byte) {
	var ds resource.Diagnostics
	if errors.As(err, &ds) {
		v.Diagnostics(ds, sources)
		return
	}
	var b strings.Builder
	const title = "Error: "
	b.WriteString("\n" + v.ink.red(title) + strings.TrimPrefix(v.ink.prose(title+visible(err.Error()), 0), title) + "\n")
	v.printf("%s", b.String())
}

// Diagnostics prints ds one after the other: severity and summary, the place with its source line, the detail. Of more than
// maxShown errors, or warnings, there is a count. An empty line follows warnings: output goes on after them, often on the
// other stream.
func (v *View) Diagnostics(ds resource.Diagnostics, sources map[string][]byte) {
	text := v.ink.diagnostics(ds, sources).String()
	if v.compact && len(ds) > 0 && !ds.HasErrors() {
		text = v.ink.warnings(ds).String()
	}
	if len(ds) == 0 || ds.HasErrors() {
		v.printf("%s", text)
		return
	}
	v.printf("%s\n", text)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.out.spaced = true
}

func (ink *palette) diagnostics(ds resource.Diagnostics, sources map[string][]byte) *page {
	b := &page{}
	lines := sourceLines(sources)
	counts := map[resource.Severity]int{}
	for _, d := range ds {
		if counts[d.Severity]++; counts[d.Severity] > maxShown {
			continue
		}
		look, title := classPlain, ink.red("Error: ")
		if d.Severity == resource.Warning {
			look, title = classWarning, ink.yellow("Warning: ")
		}
		b.writef("\n")
		b.add(look, "", "", title+ink.bold("%s", visible(d.Summary))+"\n")
		ink.place(b, d.Subject, lines)
		if d.Detail != "" {
			b.writef("\n  %s\n", strings.ReplaceAll(ink.prose(visible(d.Detail), 2), "\n  \n", "\n\n"))
		}
	}
	for _, severity := range []resource.Severity{resource.Error, resource.Warning} {
		if n := counts[severity] - maxShown; n > 0 {
			b.writef("\n%s\n", andMore(n, string(severity)))
		}
	}
	return b
}

// warnings lists warnings by their summaries, each with its first place.
func (ink *palette) warnings(ds resource.Diagnostics) *page {
	b := &page{}
	b.writef("\n%s\n\n", ink.yellow("%s:", plural(len(ds), "warning")))
	number := map[string]int{}
	for _, d := range ds {
		number[d.Summary]++
	}
	for _, d := range ds {
		n := number[d.Summary]
		if n == 0 {
			continue
		}
		number[d.Summary] = 0
		where := ""
		if d.Subject.File != "" {
			where = " at " + d.Subject.String()
		} else if d.Path != "" {
			where = " of " + string(d.Path)
		}
		if n > 1 {
			where += fmt.Sprintf(" (and %d more)", n-1)
		}
		b.writef("  %s%s\n", ink.bold("%s", visible(d.Summary)), visible(where))
	}
	b.writef("\nLeave out --compact-warnings to see the details.\n")
	return b
}

func (ink *palette) place(b *page, r resource.Range, lines func(resource.Range) (string, bool)) {
	if r.File == "" {
		return
	}
	b.writef("\n  on %s\n", visible(r.String()))
	line, ok := lines(r)
	if !ok {
		return
	}
	prefix := line[:columnOffset(line, r.Start.Column)]
	// A place that the source doesn't have (it changed since) must not lead beyond the line.
	length := utf8.RuneCountInString(line[len(prefix):])
	if r.End.Line <= r.Start.Line {
		length = min(length, r.End.Column-r.Start.Column)
	}
	if strings.ContainsRune(line, '\x1b') {
		return
	}
	line, prefix, length = excerpt(line, prefix, length)
	length = max(length, 1)
	indent := strings.Map(func(c rune) rune {
		if c == '\t' {
			return c
		}
		return ' '
	}, prefix)
	b.writef("  %s%s\n", ink.faint("%5d │ ", r.Start.Line), visible(line))
	b.writef("  %s%s%s\n", ink.faint("      │ "), indent, ink.red("%s", strings.Repeat("^", length)))
}

// excerpt cuts a long line to the part around the place that follows prefix and has the given length in characters. It
// returns that part, and the prefix and the length within it.
func excerpt(line, prefix string, length int) (string, string, int) {
	const most, before = 160, 60
	all, start := []rune(line), utf8.RuneCountInString(prefix)
	if len(all) <= most {
		return line, prefix, length
	}
	from := max(min(start-before, len(all)-most), 0)
	to := min(from+most, len(all))
	head, tail := "", ""
	if from > 0 {
		head = "…"
	}
	if to < len(all) {
		tail = "…"
	}
	return head + string(all[from:to]) + tail, head + string(all[from:start]), min(length, to-start)
}

// sourceLines returns a function for the first line of a place in the sources. Each source is split once.
func sourceLines(sources map[string][]byte) func(resource.Range) (string, bool) {
	split := map[string][][]byte{}
	return func(r resource.Range) (string, bool) {
		lines, ok := split[r.File]
		if !ok && sources[r.File] != nil {
			lines = bytes.Split(sources[r.File], []byte("\n"))
			split[r.File] = lines
		}
		if r.Start.Line < 1 || r.Start.Line > len(lines) {
			return "", false
		}
		return strings.TrimRight(string(lines[r.Start.Line-1]), "\r"), true
	}
}

// columnOffset returns the byte offset of the character at column (from 1), at most the line's length.
func columnOffset(line string, column int) int {
	for i := range line {
		if column--; column < 1 {
			return i
		}
	}
	return len(line)
}

type diagnosticJSON struct {
	resource.Diagnostic
	Snippet *snippetJSON `json:"snippet,omitempty"`
}

// snippetJSON is the first line of the place of a diagnostic.
type snippetJSON struct {
	Context   *string `json:"context"` // which Terraform has; never set
	Code      string  `json:"code"`
	StartLine int     `json:"start_line"`
	// The offsets are in bytes of the line; the end is that of the line where the place goes on in the next.
	HighlightStart int      `json:"highlight_start_offset"`
	HighlightEnd   int      `json:"highlight_end_offset"`
	Values         []string `json:"values"` // which Terraform has; never any
}

func snippet(r resource.Range, lines func(resource.Range) (string, bool)) *snippetJSON {
	line, ok := lines(r)
	if !ok {
		return nil
	}
	s := &snippetJSON{Code: line, StartLine: r.Start.Line, HighlightStart: columnOffset(line, r.Start.Column), HighlightEnd: len(line), Values: []string{}}
	if r.End.Line <= r.Start.Line {
		s.HighlightEnd = max(columnOffset(line, r.End.Column), s.HighlightStart)
	}
	return s
}

// validation is a document of [View.ValidationJSON].
type validation struct {
	FormatVersion string           `json:"format_version"`
	Valid         bool             `json:"valid"`
	ErrorCount    int              `json:"error_count"`
	WarningCount  int              `json:"warning_count"`
	Diagnostics   []diagnosticJSON `json:"diagnostics"`
}

// ValidationJSON prints ds as Terraform's validate does, with the places in sources.
func (v *View) ValidationJSON(ds resource.Diagnostics, sources map[string][]byte) error {
	doc := validation{FormatVersion: "1.0", Valid: !ds.HasErrors(), Diagnostics: []diagnosticJSON{}}
	lines := sourceLines(sources)
	for _, d := range ds {
		if d.Severity == resource.Error {
			doc.ErrorCount++
		} else {
			doc.WarningCount++
		}
		doc.Diagnostics = append(doc.Diagnostics, diagnosticJSON{d, snippet(d.Subject, lines)})
	}
	return v.JSON(doc)
}
