package view

import (
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// The formats of reports: a comment for a forge, and a page for a browser.
const (
	Markdown = "markdown"
	HTML     = "html"
)

// PlanReport prints a plan as [Markdown] or [HTML].
func (v *View) PlanReport(p *plan.Plan, format string) error {
	if format == HTML {
		return v.planHTML(p)
	}
	v.printf("%s", v.plain().planMarkdown(p))
	return nil
}

// StateReport prints the recorded resources as [Markdown] or [HTML].
func (v *View) StateReport(st *state.State, format string) error {
	if format == HTML {
		return v.stateHTML(st)
	}
	v.printf("%s", v.plain().stateMarkdown(st))
	return nil
}

func stateTitle(st *state.State) string { return "kuke state: " + plural(len(st.Records), "resource") }

// plain returns the palette of reports, whose text has no colours.
func (v *View) plain() *palette { return newPalette(false) }

// verdictOf returns the findings of policies. The text of an empty plan has them already.
func (ink *palette) verdictOf(p *plan.Plan) []line {
	b := &page{}
	if !p.Empty() {
		ink.verdict(b, p.Policy)
	}
	return trimmed(b.lines)
}
