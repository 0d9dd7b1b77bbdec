package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner"
)

// begun and ended are what is said of a step when it begins and when it is done.
var (
	begun = map[planner.Op]string{
		planner.OpImage: "preparing", planner.OpCreate: "creating", planner.OpUpdate: "updating", planner.OpDelete: "destroying",
		planner.OpStop: "stopping", planner.OpStart: "starting", planner.OpAdopt: "adopting", planner.OpForget: "forgetting",
		planner.OpKill: "signalling", planner.OpAccept: "recording", planner.OpPause: "pausing", planner.OpUnpause: "unpausing",
		planner.OpCheck: "waiting", planner.OpNames: "updating /etc/hosts",
	}
	ended = map[planner.Op]string{
		planner.OpImage: "prepared", planner.OpCreate: "created", planner.OpUpdate: "updated", planner.OpDelete: "destroyed",
		planner.OpStop: "stopped", planner.OpStart: "started", planner.OpAdopt: "adopted", planner.OpForget: "forgotten",
		planner.OpKill: "signalled", planner.OpAccept: "recorded", planner.OpPause: "paused", planner.OpUnpause: "unpaused",
		planner.OpCheck: "ready", planner.OpNames: "updated",
	}
)

// slow is how long a step runs before its beginning is worth a line of its own.
const slow = time.Second

// Progress prints the steps of an apply as they are done, and those that take long when they do.
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
func (p *Progress) Observe(e executor.Event) {
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
		p.view.printf("%s: %s after %v\n", p.view.bold("%s", name), p.view.red("failed"), took)
		return
	}
	p.view.printf("%s: %s in %v\n", p.view.bold("%s", name), ended[e.Step.Op], took)
}

func stepName(s planner.Step) string {
	if s.Op == planner.OpImage {
		return "image " + visible(s.Image.Reference)
	}
	return s.Path.Kind().Lower() + " " + string(s.Path)
}

// Outcome prints what became of a plan, to v or, where not all of it was done, to errs: what failed and why,
// what was not begun and why, and how much was done. It reports whether all was done.
func (v *View) Outcome(p *planner.Plan, outcomes []executor.Outcome, errs *View) bool {
	var failed, left strings.Builder
	done := map[planner.Op]int{}
	complete := true
	for _, o := range outcomes {
		switch {
		case o.Done:
			done[o.Step.Op]++
			continue
		case o.Err != nil:
			fmt.Fprintf(&failed, "\n%s%s could not be %s\n\n  %s\n", errs.red("Error: "), errs.bold("%s", stepName(o.Step)), ended[o.Step.Op], visible(o.Err.Error()))
		case o.Blocker != nil:
			fmt.Fprintf(&left, "  %s not %s: waits for %s\n", stepName(o.Step), ended[o.Step.Op], stepName(*o.Blocker))
		default:
			fmt.Fprintf(&left, "  %s not %s: interrupted before\n", stepName(o.Step), ended[o.Step.Op])
		}
		complete = false
	}
	if complete {
		v.printf("\n%s\n", v.green("%s complete: %s.", verb(p), doneCounts(p, done)))
		return true
	}
	errs.printf("%s", failed.String())
	if left.Len() > 0 {
		errs.printf("\nNot done:\n%s", left.String())
	}
	errs.printf("\n%s %s. What was done is recorded; the next apply goes on from here.\n", errs.red("%s incomplete:", verb(p)), doneCounts(p, done))
	return false
}

func verb(p *planner.Plan) string {
	switch {
	case p.Project == "": // of an imperative command
		return "Command"
	case p.Destroy:
		return "Destroy"
	}
	return "Apply"
}

// doneCounts counts the steps that were done, and the moves and imports, which are made before the first of them.
func doneCounts(p *planner.Plan, done map[planner.Op]int) string {
	text := fmt.Sprintf("%d added, %d changed, %d destroyed", done[planner.OpCreate], done[planner.OpUpdate], done[planner.OpDelete])
	if n := done[planner.OpStart]; n > 0 {
		text += fmt.Sprintf(", %d started", n)
	}
	for _, op := range []planner.Op{planner.OpAccept, planner.OpStop, planner.OpKill, planner.OpPause, planner.OpUnpause, planner.OpAdopt, planner.OpForget} {
		if n := done[op]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, ended[op])
		}
	}
	if n := len(p.Moves); n > 0 {
		text += fmt.Sprintf(", %d moved", n)
	}
	if n := len(p.Imports); n > 0 {
		text += fmt.Sprintf(", %d imported", n)
	}
	return text
}
