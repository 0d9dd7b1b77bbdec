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
	if format == HTML {
		return v.html("kuke plan: "+planTitle(p), newPalette(false).review(p))
	}
	v.printf("%s", planMarkdown(p))
	return nil
}

// StateReport prints the recorded resources as [Markdown] or [HTML].
func (v *View) StateReport(st *state.State, format string) error {
	if format == HTML {
		return v.html(stateTitle(st), newPalette(false).state(st))
	}
	v.printf("%s", stateMarkdown(st))
	return nil
}

func stateTitle(st *state.State) string { return "kuke state: " + plural(len(st.Records), "resource") }

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
