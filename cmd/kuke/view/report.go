package view

import (
	"fmt"
	"html/template"
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
	return v.report(format, title, newPalette(false).review(p))
}

// StateReport prints the recorded resources as [Markdown] or [HTML].
func (v *View) StateReport(st *state.State, format string) error {
	return v.report(format, "kuke state: "+plural(len(st.Records), "resource"), newPalette(false).state(st))
}

func (v *View) report(format, title string, content *page) error {
	if format == HTML {
		return v.html(title, content)
	}
	v.markdown(title, content)
	return nil
}

// markdown prints a page as a block of the kind diff, whose lines are coloured by their first character.
func (v *View) markdown(title string, content *page) {
	var b strings.Builder
	for _, l := range content.lines {
		switch l.Class {
		case classAdd, classDelete:
			b.WriteString(l.Sign + l.Indent + " " + l.Text + "\n")
		case classChange:
			b.WriteString("!" + l.Indent + l.Sign + l.Text + "\n")
		case classWarning:
			b.WriteString("! " + l.Text + "\n")
		default:
			b.WriteString(strings.TrimRight(" "+l.Text, " ") + "\n")
		}
	}
	fence := "```"
	for strings.Contains(b.String(), fence) {
		fence += "`"
	}
	v.printf("### %s\n\n%sdiff\n%s%s\n", title, fence, b.String(), fence)
}

// document is a report as a page that needs nothing else.
var document = template.Must(template.New("page").Parse(`<!DOCTYPE html>
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

func (v *View) html(title string, content *page) error {
	var b strings.Builder
	err := document.Execute(&b, struct {
		Title string
		Lines []line
	}{title, content.lines})
	if err != nil {
		return fmt.Errorf("print HTML: %w", err)
	}
	v.printf("%s", b.String())
	return nil
}
