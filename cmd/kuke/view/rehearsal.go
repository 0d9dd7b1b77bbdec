package view

import (
	"fmt"
	"strings"

	"github.com/kukeon/kuke/planner/plan"
)

// Rehearsing prints a line before the steps of a rehearsal.
func (v *View) Rehearsing() {
	v.printf("\n%s\n", v.ink.bold("Rehearsing the plan in a lab. Nothing on this host is changed."))
}

// Rehearsal prints the result of a rehearsal: the failed steps with their errors, the skipped steps with their reasons, the
// containers that exited with the end of their output, the differences of the lab, and whether the plan has passed.
func (v *View) Rehearsal(p *plan.Plan, r *plan.Rehearsal) {
	failed, left, exits := &listing{noun: "error"}, &listing{noun: "step"}, &listing{noun: "container"}
	for _, o := range r.Outcomes {
		switch {
		case o.Done:
		case o.Err != nil:
			text := ""
			if len(o.Log) > 0 {
				text = "\n  Its last output:\n" + v.ink.logLines(o.Log) // the lab is gone, and the whole log with it
			}
			failed.addf("\n%s%s %s\n\n  %s\n%s", v.ink.red("Error: "), v.ink.bold("%s", stepName(o.Step)), failure(o.Step.Op), visible(o.Err.Error()), text)
		case o.Blocker != nil:
			left.addf("  %s not %s: waits for %s\n", stepName(o.Step), ended[o.Step.Op], stepName(*o.Blocker))
		default:
			left.addf("  %s not %s: the time was over before\n", stepName(o.Step), ended[o.Step.Op])
		}
	}
	for _, e := range r.Exited {
		exits.addf("  container %s: %s, %s\n", e.Path, visible(e.Reason), output(e.Output))
	}
	v.printf("%s", failed.String())
	if left.count > 0 {
		v.printf("\nNot done:\n%s", left.String())
	}
	if exits.count > 0 {
		v.printf("\n%s\n%s", v.ink.red("Exited within a moment:"), exits.String())
	}
	if len(r.Notes) > 0 {
		notes := &listing{noun: "note"}
		for _, note := range r.Notes {
			notes.addf("  %s\n", visible(note))
		}
		v.printf("\nDifferent in the lab:\n%s", notes.String())
	}
	v.verdict(p, r)
}

// output describes the last lines of a container.
func output(lines []string) string {
	if len(lines) == 0 {
		return "without output"
	}
	var b strings.Builder
	b.WriteString("after this output:")
	for _, line := range lines {
		b.WriteString("\n    " + visible(line))
	}
	return b.String()
}

// verdict prints whether the plan has passed, and the reasons otherwise.
func (v *View) verdict(p *plan.Plan, r *plan.Rehearsal) {
	c := plan.CountOutcomes(r.Outcomes)
	switch {
	case r.Passed() && p.Empty():
		v.printf("\n%s\n", v.ink.green("Rehearsal passed: there is nothing to carry out."))
		return
	case r.Passed():
		v.printf("\n%s\n", v.ink.green("Rehearsal passed: %s carried out in a lab.", plural(c.Done, "step")))
		return
	}
	var why []string
	if r.Err != nil {
		why = append(why, visible(r.Err.Error()))
	}
	if c.Failed > 0 {
		why = append(why, plural(c.Failed, "step")+" failed")
	}
	if c.Skipped > 0 {
		why = append(why, fmt.Sprintf("%d skipped", c.Skipped))
	}
	if n := len(r.Exited); n > 0 {
		why = append(why, plural(n, "container")+" exited")
	}
	v.printf("\n%s %s. Nothing on this host was changed.\n", v.ink.red("Rehearsal failed:"), strings.Join(why, ", "))
}
