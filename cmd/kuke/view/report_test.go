package view

import (
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// hostile is a plan with texts that must not become Markdown or HTML of their own.
func hostile(t *testing.T) *plan.Plan {
	p := planned(t, func(s specs) {
		container(s, "updated").Labels = map[string]string{"x": "</pre><script>alert(1)</script> ```"}
	}, planner.Options{})
	output := func(text string) *state.Output {
		return &state.Output{Type: json.RawMessage(`"string"`), Value: json.RawMessage(text)}
	}
	p.Outputs = []plan.OutputChange{{Name: "text", Before: output(`"old"`), After: output(`"+ one\n@@ two\n"`)}}
	p.Diagnostics.Warnf(resource.Range{File: "main.hcl", Start: resource.Pos{Line: 3, Column: 5}}, "", "Check block assertion failed", "It is </pre><script>alert(2)</script>:\n\n- one\n```\n\x1b[31m")
	p.Diagnostics.Warnf(resource.Range{}, "main", "Left behind", "The namespace stays.")
	return p
}

// warned is a plan that changes nothing, which there is a warning of.
func warned() *plan.Plan {
	p := &plan.Plan{Unchanged: make([]*state.Record, 7)}
	p.Diagnostics.Warnf(resource.Range{}, "", "Check block assertion failed", "It is not so.")
	return p
}

func TestReports(t *testing.T) {
	prior, _ := applied(t)
	for _, format := range []string{Markdown, HTML} {
		for name, print := range map[string]func(*View) error{
			"plan":       func(v *View) error { return v.PlanReport(planned(t, everything, planner.Options{}), format) },
			"hostile":    func(v *View) error { return v.PlanReport(hostile(t), format) },
			"warned":     func(v *View) error { return v.PlanReport(warned(), format) },
			"no-changes": func(v *View) error { return v.PlanReport(&plan.Plan{Unchanged: make([]*state.Record, 7)}, format) },
			"destroyed":  func(v *View) error { return v.PlanReport(&plan.Plan{Destroy: true, Project: "shop"}, format) },
			"hazards":    func(v *View) error { return v.PlanReport(samplePlan(20, "x"), format) },
			"state":      func(v *View) error { return v.StateReport(prior, format) },
			"state-none": func(v *View) error {
				return v.StateReport(&state.State{Records: map[resource.Path]*state.Record{}}, format)
			},
		} {
			golden(t, "report-"+name+"."+format, true, func(v *View) {
				if err := print(v); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// The page has the text of the terminal, and no elements but its own.
func TestHTMLReport(t *testing.T) {
	p := hostile(t)
	var b strings.Builder
	if err := newView(&b, true).PlanReport(p, HTML); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	var text string
	for n := range doc.Descendants() {
		switch {
		case n.Type == html.ElementNode && n.Data == "script":
			t.Error("a script")
		case n.Type == html.ElementNode && n.Data == "pre":
			for inner := range n.Descendants() {
				if inner.Type == html.TextNode {
					text += inner.Data
				}
			}
		}
	}
	var want strings.Builder
	if newView(&want, false).Review(p); text != want.String() {
		t.Errorf("got\n%s\nwant\n%s", text, want.String())
	}
}
