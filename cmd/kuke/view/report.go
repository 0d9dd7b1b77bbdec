package view

import (
	"fmt"
	"html/template"
	"regexp"
	"strings"

	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// The formats of reports, which show the terminal's text where changes are reviewed.
const (
	Markdown = "markdown"
	HTML     = "html"
)

// PlanReport prints a plan as [Markdown] or [HTML].
func (v *View) PlanReport(p *plan.Plan, format string) error {
	title := "kuke plan: no changes"
	switch {
	case p.Destroy && p.Empty():
		title = "kuke destroy: nothing to destroy"
	case !p.Empty():
		title = "kuke plan: " + counts(p.Summary())
	}
	if n := len(p.Diagnostics); n > 0 {
		title += ", " + plural(n, "warning")
	}
	return v.report(format, title, plain(func(v *View) { v.Review(p) }))
}

// StateReport prints the recorded resources as [Markdown] or [HTML].
func (v *View) StateReport(st *state.State, format string) error {
	return v.report(format, "kuke state: "+plural(len(st.Records), "resource"), plain(func(v *View) { v.State(st) }))
}

// plain returns the output of print without colours.
func plain(print func(*View)) string {
	var b strings.Builder
	print(newView(&b, false))
	return b.String()
}

func (v *View) report(format, title, text string) error {
	if format == HTML {
		return v.html(title, text)
	}
	v.markdown(title, text)
	return nil
}

// signed matches the lines of a plan that begin with the sign of a change: of a resource or an output, or of an attribute.
var signed = regexp.MustCompile(`^(?:  |      )?(-/\+|[-+~>!?=]) `)

// reportLine is a line of a report.
type reportLine struct {
	// Sign is the sign of a change, empty where the line has none; Indent precedes it and Text follows it.
	Indent, Sign, Text string
}

// Class is the CSS class of the line.
func (l reportLine) Class() string {
	switch l.Sign {
	case "":
		if strings.HasPrefix(strings.TrimSpace(l.Text), "#") {
			return "reason"
		}
		if strings.HasPrefix(l.Text, "Warning: ") {
			return "warning"
		}
		return "plain"
	case "+":
		return "add"
	case "-":
		return "delete"
	}
	return "change"
}

func reportLines(text string) []reportLine {
	var lines []reportLine
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if at := signed.FindStringSubmatchIndex(line); at != nil {
			lines = append(lines, reportLine{line[:at[2]], line[at[2]:at[3]], line[at[3]:]})
		} else {
			lines = append(lines, reportLine{Text: line})
		}
	}
	return lines
}

// markdown prints text as a block of the kind diff, whose lines are coloured by their first character.
func (v *View) markdown(title, text string) {
	var b strings.Builder
	for _, l := range reportLines(text) {
		switch l.Class() {
		case "add", "delete":
			b.WriteString(l.Sign + l.Indent + " " + l.Text + "\n")
		case "change":
			b.WriteString("!" + l.Indent + l.Sign + l.Text + "\n")
		case "warning":
			b.WriteString("! " + l.Text + "\n")
		default:
			b.WriteString(strings.TrimRight(" "+l.Text, " ") + "\n")
		}
	}
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	v.printf("### %s\n\n%sdiff\n%s%s\n", title, fence, b.String(), fence)
}

// page is the report as a page that needs nothing else.
var page = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<title>{{.Title}}</title>
<style>
body { font: 1rem system-ui, sans-serif; margin: 2rem; }
pre { overflow-x: auto; line-height: 1.4; }
.add { color: light-dark(#116329, #7ee787); }
.delete { color: light-dark(#a40e26, #ffa198); }
.change, .warning { color: light-dark(#7d4e00, #e3b341); }
.reason { opacity: 0.7; }
</style>
</head>
<body>
<h1>{{.Title}}</h1>
<pre>
{{range .Lines}}<span class="{{.Class}}">{{.Indent}}{{.Sign}}{{.Text}}</span>
{{end}}</pre>
</body>
</html>
`))

func (v *View) html(title, text string) error {
	var b strings.Builder
	err := page.Execute(&b, struct {
		Title string
		Lines []reportLine
	}{title, reportLines(text)})
	if err != nil {
		return fmt.Errorf("print HTML: %w", err)
	}
	v.printf("%s", b.String())
	return nil
}
