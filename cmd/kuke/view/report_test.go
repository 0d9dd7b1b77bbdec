package view

import (
	"encoding/json"
	"strings"
	"testing"

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
				var b strings.Builder
				if err := print(newView(&b, true)); err != nil {
					t.Error(err)
				}
				v.Text(withoutFiles(b.String()))
			})
		}
	}
}

// withoutFiles shortens a page by its style and its script, and their digests.
func withoutFiles(page string) string {
	for _, file := range []string{reportFile("style.css") + reportFile("graph.css"), reportFile("script.js")} {
		page = strings.NewReplacer(file, "…", strings.ReplaceAll(integrity(file), "+", "&#43;"), "…").Replace(page)
	}
	return page
}
