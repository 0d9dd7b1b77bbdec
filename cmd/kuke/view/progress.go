package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/kukeon/kuke/planner/plan"
)

// begun and ended describe a running step and a completed one.
var (
	begun = map[plan.Op]string{
		plan.OpImage: "preparing", plan.OpPrepare: "preparing", plan.OpCreate: "creating", plan.OpUpdate: "updating", plan.OpDelete: "destroying",
		plan.OpStop: "stopping", plan.OpStart: "starting", plan.OpAdopt: "adopting", plan.OpForget: "forgetting",
		plan.OpKill: "signalling", plan.OpRecord: "recording", plan.OpPause: "pausing", plan.OpUnpause: "unpausing",
		plan.OpCheck: "waiting", plan.OpNames: "updating /etc/hosts",
	}
	ended = map[plan.Op]string{
		plan.OpImage: "prepared", plan.OpPrepare: "prepared", plan.OpCreate: "created", plan.OpUpdate: "updated", plan.OpDelete: "destroyed",
		plan.OpStop: "stopped", plan.OpStart: "started", plan.OpAdopt: "adopted", plan.OpForget: "forgotten",
		plan.OpKill: "signalled", plan.OpRecord: "recorded", plan.OpPause: "paused", plan.OpUnpause: "unpaused",
		plan.OpCheck: "ready", plan.OpNames: "updated",
	}
)

// slow is the time after which a running step gets a line.
const slow = time.Second

// Progress prints the steps of an apply as they complete, and slow ones while they run.
type Progress struct {
	view   *View
	timers map[string]*time.Timer
}

// Progress returns a printer for the events of one apply.
func (v *View) Progress() *Progress {
	v.printf("\n")
	return &Progress{view: v, timers: map[string]*time.Timer{}}
}

// Observe prints an event.
func (p *Progress) Observe(e plan.Event) {
	name := stepName(e.Step)
	key := string(e.Step.Op) + name
	p.view.mu.Lock()
	timer := p.timers[key]
	if !e.Done {
		p.timers[key] = time.AfterFunc(slow, func() { p.view.printf("%s: %s…\n", name, begun[e.Step.Op]) })
	}
	p.view.mu.Unlock()
	if !e.Done {
		return
	}
	timer.Stop()
	took := e.Elapsed.Round(time.Millisecond)
	if took > slow {
		took = took.Round(100 * time.Millisecond)
	}
	if e.Err != nil {
		why := e.Exit
		if why != "" {
			why = ": " + why
		}
		p.view.printf("%s: %s after %v%s\n", p.view.ink.bold("%s", name), p.view.ink.red("failed"), took, why)
		return
	}
	p.view.printf("%s: %s in %v\n", p.view.ink.bold("%s", name), ended[e.Step.Op], took)
}

func stepName(s plan.Step) string {
	if s.Op == plan.OpImage {
		return "image " + visible(s.Image.Reference)
	}
	return s.Path.Kind().Lower() + " " + string(s.Path)
}

// Outcome prints the outcome of a plan, to v or, where it is incomplete, to errs: the failed steps with their errors, the
// skipped steps with their reasons, the containers that have exited already, and the number of completed steps. Errors
// beyond maxShown are counted. It reports whether all steps are complete.
func (v *View) Outcome(p *plan.Plan, outcomes []plan.Outcome, exited []plan.Exited, errs *View) bool {
	failed, left := &listing{noun: "error"}, &listing{noun: "step"}
	done := map[plan.Op]int{}
	complete := true
	for _, o := range outcomes {
		switch {
		case o.Done:
			done[o.Step.Op]++
			continue
		case o.Err != nil:
			failed.addf("\n%s%s %s\n\n  %s\n", errs.ink.red("Error: "), errs.ink.bold("%s", stepName(o.Step)), failure(o.Step.Op), visible(o.Err.Error()))
		case o.Blocker != nil:
			why := "waits for " + stepName(*o.Blocker)
			if o.Blocker.Op == plan.OpPrepare {
				why += ", which could not be prepared"
			}
			left.addf("  %s not %s: %s\n", stepName(o.Step), ended[o.Step.Op], why)
		default:
			left.addf("  %s not %s: interrupted before\n", stepName(o.Step), ended[o.Step.Op])
		}
		complete = false
	}
	v.exited(exited)
	if complete {
		v.printf("\n%s\n", v.ink.green("%s complete: %s.", verb(p), doneCounts(p, done)))
		return true
	}
	errs.printf("%s", failed.String())
	if left.count > 0 {
		errs.printf("\nNot done:\n%s", left.String())
	}
	errs.printf("\n%s %s. Completed steps are recorded; the next apply continues from here.\n", errs.ink.red("%s incomplete:", verb(p)), doneCounts(p, done))
	return false
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

// listing is a list in which entries after the first maxShown are only counted.
type listing struct {
	noun  string
	text  strings.Builder
	count int
}

func (l *listing) addf(format string, args ...any) {
	if l.count++; l.count <= maxShown {
		fmt.Fprintf(&l.text, format, args...)
	}
}

// String returns the entries and the count of those left out.
func (l *listing) String() string {
	if l.count <= maxShown {
		return l.text.String()
	}
	return l.text.String() + "\n" + andMore(l.count-maxShown, l.noun) + "\n"
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
