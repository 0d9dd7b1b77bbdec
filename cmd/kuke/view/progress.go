package view

import (
	"os"
	"sync"
	"time"

	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
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

const (
	// slow is the time after which a running step gets a line where no lines are drawn.
	slow = time.Second
	// pullEvery is the interval of the lines about a running pull where no lines are drawn.
	pullEvery = 5 * time.Second
)

// Progress prints the steps of an apply as they end, and its result. On a terminal it draws a line for each running step below,
// and one for all steps; elsewhere it prints a line for a slow step, and further ones for a pull.
type Progress struct {
	// Again is the command line that continues after a failure.
	Again string
	// Drawn says that lines are drawn where the output is a terminal. Nothing but Progress and its views may then print there.
	Drawn bool

	out, errs *View
	board     *board // nil where nothing is drawn
	mu        sync.Mutex
	running   map[int]*slowStep
}

// slowStep is a running step where no lines are drawn.
type slowStep struct {
	step  plan.Step
	pull  arrivals
	timer *time.Timer
}

// Progress returns a printer for one apply. It prints errors to errs.
func (v *View) Progress(errs *View) *Progress {
	return &Progress{out: v, errs: errs, running: map[int]*slowStep{}}
}

// Begin begins the apply of a plan. past holds the durations of earlier applies.
func (p *Progress) Begin(made *plan.Plan, past state.Durations, parallelism int) {
	p.out.printf("\n")
	p.draw(made.Steps, past, parallelism)
}

// BeginPulls begins pulls of images that belong to no plan, and returns their steps for [Progress.Observe]. EndPulls ends them.
func (p *Progress) BeginPulls(references []string) []plan.Step {
	steps := make([]plan.Step, len(references))
	for i, reference := range references {
		steps[i] = plan.Step{Op: plan.OpImage, Image: &plan.Image{Reference: reference, Pull: true}}
	}
	p.draw(steps, state.Durations{}, len(steps))
	return steps
}

// EndPulls ends the lines of pulls.
func (p *Progress) EndPulls() {
	if p.board != nil {
		p.board.end()
	}
}

// draw draws lines for running steps where the output is a terminal.
func (p *Progress) draw(steps []plan.Step, past state.Durations, parallelism int) {
	if terminal, ok := p.out.out.Writer.(*os.File); ok && p.Drawn && p.out.terminal {
		p.board = newBoard(newForecast(steps, past, parallelism), terminal, p.out, p.errs)
	}
}

// Observe prints an event.
func (p *Progress) Observe(e plan.Event) {
	switch {
	case p.board != nil:
		p.board.observe(e, func() { p.ended(e) })
	case e.Total > 0:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.running[e.Index].pull.add(e.Progress, time.Now())
	case e.Done:
		p.mu.Lock()
		p.running[e.Index].timer.Stop()
		delete(p.running, e.Index)
		p.mu.Unlock()
		p.ended(e)
	default:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.running[e.Index] = &slowStep{step: e.Step, timer: time.AfterFunc(slow, func() { p.still(e.Index) })}
	}
}

// still prints a line for a step that still runs.
func (p *Progress) still(index int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.running[index]
	switch {
	case r == nil:
		return
	case r.pull.Total > 0:
		p.out.printf("%s\n", pullLine(r.step, &r.pull, time.Now()))
	default:
		p.out.printf("%s: %s…\n", stepName(r.step), begun[r.step.Op])
	}
	if r.step.Op == plan.OpImage {
		r.timer.Reset(pullEvery)
	}
}

// ended prints a line for a step that has ended.
func (p *Progress) ended(e plan.Event) {
	name, took := p.out.ink.bold("%s", stepName(e.Step)), rounded(e.Elapsed)
	if e.Err == nil {
		p.out.printf("%s: %s in %v\n", name, ended[e.Step.Op], took)
		return
	}
	why := visible(e.Exit)
	if why != "" {
		why = ": " + why
	}
	p.out.printf("%s: %s after %v%s\n", name, p.out.ink.red("failed"), took, why)
}

// rounded returns a duration in milliseconds, or in tenths of seconds where it is long.
func rounded(took time.Duration) time.Duration {
	if took = took.Round(time.Millisecond); took > slow {
		return took.Round(100 * time.Millisecond)
	}
	return took
}

// End prints the result: see [View.Outcome].
func (p *Progress) End(r *plan.Result) {
	if p.board != nil {
		p.board.end()
	}
	p.out.Outcome(r, p.errs, p.Again)
}

func stepName(s plan.Step) string {
	if s.Op == plan.OpImage {
		return "image " + visible(s.Image.Reference)
	}
	return s.Path.Kind().Lower() + " " + string(s.Path)
}
