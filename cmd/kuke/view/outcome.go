package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kukeon/kuke/planner/plan"
)

// Outcome prints the result of an apply. Where all steps are done, it prints to v the containers that have exited already, the
// number of completed steps, and the outputs. Otherwise it prints to errs the failed steps with their errors and the last lines
// of the logs, the skipped steps with their reasons, and the command line again, which continues. Errors beyond maxShown, and
// skipped steps beyond maxLeft, are counted. It reports whether all steps are done.
func (v *View) Outcome(r *plan.Result, errs *View, again string) bool {
	if len(r.Outcomes) == 0 && r.Plan.Empty() {
		v.outputs(r)
		return true
	}
	v.exited(r.Exited)
	t := plan.CountOutcomes(r.Outcomes)
	if r.Complete() {
		v.printf("\n%s\n", v.ink.green("%s complete: %s.", verb(r.Plan), doneCounts(r.Plan, t.Ops)))
		v.outputs(r)
		return true
	}
	failed, left := &listing{noun: "error"}, &listing{noun: "step", most: maxLeft}
	for _, o := range r.Outcomes {
		switch {
		case o.Done:
		case o.Err != nil:
			failed.addf("\n%s%s %s\n\n  %s\n%s", errs.ink.red("Error: "), errs.ink.bold("%s", stepName(o.Step)), failure(o.Step.Op), visible(o.Err.Error()), errs.ink.lastLines(o))
		default:
			left.addf("  %s\n", skipped(o))
		}
	}
	errs.printf("%s", failed.String())
	if left.count > 0 {
		errs.printf("\nNot done:\n%s", left.String())
	}
	errs.printf("\n%s %s. Completed steps are recorded; the next apply continues from here.\n", errs.ink.red("%s incomplete:", verb(r.Plan)), doneCounts(r.Plan, t.Ops))
	errs.printf("%s.\n", stepCounts(t))
	if again != "" {
		errs.printf("To continue: %s\n", visible(again))
	}
	return false
}

// lastLines shows the output of the container that an error is about.
func (ink *palette) lastLines(o plan.Outcome) string {
	if len(o.Log) == 0 {
		return ""
	}
	return fmt.Sprintf("\n  The last lines of its log:\n%s  To show the whole log: kuke logs %s\n", ink.logLines(o.Log), o.Step.Path)
}

// logLines quotes lines of the output of a container.
func (ink *palette) logLines(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&b, "  %s%s\n", ink.faint("│ "), visible(strings.TrimSuffix(line, "\r")))
	}
	return b.String()
}

// skipped says why a step was not done.
func skipped(o plan.Outcome) string {
	why := "interrupted before"
	if o.Blocker != nil {
		why = "waits for " + stepName(*o.Blocker)
		if o.Blocker.Op == plan.OpPrepare {
			why += ", which could not be prepared"
		}
	}
	return fmt.Sprintf("%s not %s: %s", stepName(o.Step), ended[o.Step.Op], why)
}

// stepCounts spells the counts of steps, without a full stop.
func stepCounts(c plan.OutcomeCounts) string {
	return fmt.Sprintf("%d of %s done, %d failed, %d skipped", c.Done, plural(c.Done+c.Failed+c.Skipped, "step"), c.Failed, c.Skipped)
}

// outputs prints the outputs of the project, unless its resources are destroyed.
func (v *View) outputs(r *plan.Result) {
	if len(r.Outputs) == 0 || r.Plan.Destroy || r.Plan.Project == "" {
		return
	}
	v.printf("\n%s\n\n", v.ink.bold("Outputs:"))
	for _, name := range slices.Sorted(maps.Keys(r.Outputs)) {
		v.Output(name, r.Outputs[name])
	}
}

// exited lists containers that exited right after their start.
func (v *View) exited(all []plan.Exited) {
	if len(all) == 0 {
		return
	}
	list := &listing{noun: "container"}
	for _, e := range all {
		list.addf("  container %s: %s. Show its output: kuke logs %s\n", e.Path, visible(e.Reason), e.Path)
	}
	v.printf("\n%s\n%s", v.ink.yellow("Exited right after the start:"), list)
}

// maxShown is the maximum number of errors, steps or containers shown in one list.
const maxShown = 100

// maxLeft is the number of skipped steps that are shown: most of them say the same of other resources, and they follow the errors.
const maxLeft = 20

// listing is a list in which entries after the first maxShown, or the first most of it, are only counted.
type listing struct {
	noun  string
	most  int // 0 for maxShown
	text  strings.Builder
	count int
}

func (l *listing) addf(format string, args ...any) {
	if l.count++; l.count <= l.limit() {
		fmt.Fprintf(&l.text, format, args...)
	}
}

func (l *listing) limit() int {
	if l.most > 0 {
		return l.most
	}
	return maxShown
}

// String returns the entries and the count of those left out.
func (l *listing) String() string {
	more := l.count - l.limit()
	switch {
	case more <= 0:
		return l.text.String()
	case l.most > 0:
		return l.text.String() + "  " + andMore(more, l.noun) + "\n"
	}
	return l.text.String() + "\n" + andMore(more, l.noun) + "\n"
}

// andMore counts the entries left out of a list.
func andMore(n int, noun string) string {
	if n == 1 {
		return "… and 1 more " + noun
	}
	return fmt.Sprintf("… and %d more %ss", n, noun)
}

// failure is the predicate of the error of a failed step.
func failure(op plan.Op) string {
	if op == plan.OpCheck {
		return "did not become ready"
	}
	return "could not be " + ended[op]
}

// commands are the verbs of the commands for single resources, by the action of their changes.
var commands = map[plan.Action]string{
	plan.Create: "Create", plan.Delete: "Delete", plan.Start: "Start", plan.Stop: "Stop", plan.Kill: "Kill", plan.Restart: "Restart",
	plan.Pause: "Pause", plan.Unpause: "Unpause", plan.Shutdown: "Shutdown",
}

func verb(p *plan.Plan) string {
	switch {
	case p.Project == "":
		return command(p)
	case p.Destroy:
		return "Destroy"
	}
	return "Apply"
}

// command returns the verb of the command for single resources that made the plan, where all its changes tell the same.
func command(p *plan.Plan) string {
	const unknown = "Command"
	name := ""
	for _, c := range p.Changes {
		switch own := commands[c.Action]; {
		case own == "":
		case name == "":
			name = own
		case own != name:
			return unknown
		}
	}
	if name == "" {
		return unknown
	}
	return name
}

// doneCounts counts the completed steps, and the moves and imports, which precede them. Of a command for single resources, only
// the counts that are not zero are of interest.
func doneCounts(p *plan.Plan, done map[plan.Op]int) string {
	var counts []string
	add := func(n int, what string, always bool) {
		if n > 0 || always {
			counts = append(counts, fmt.Sprintf("%d %s", n, what))
		}
	}
	declared := p.Project != ""
	add(done[plan.OpCreate], "added", declared)
	add(done[plan.OpUpdate], "changed", declared)
	add(done[plan.OpDelete], "destroyed", declared)
	for _, op := range []plan.Op{plan.OpStart, plan.OpRecord, plan.OpStop, plan.OpKill, plan.OpPause, plan.OpUnpause, plan.OpAdopt, plan.OpForget} {
		add(done[op], ended[op], false)
	}
	add(len(p.Moves), "moved", false)
	add(len(p.Imports), "imported", false)
	if len(counts) == 0 {
		return "no step is complete"
	}
	return strings.Join(counts, ", ")
}
