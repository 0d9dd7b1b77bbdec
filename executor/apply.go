package executor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/kukeon/kuke/executor/internal/apparmor"
	"github.com/kukeon/kuke/planner/graph"
	"github.com/kukeon/kuke/planner/plan"
)

// DefaultParallelism is the default maximum number of concurrent steps.
const DefaultParallelism = 10

// ApplyOptions control how Apply carries out a plan.
type ApplyOptions struct {
	// Parallelism is the maximum number of concurrent steps; 0 is [DefaultParallelism].
	Parallelism int
	// Observe, where not nil, receives the events of every step.
	Observe func(plan.Event)
	// Interrupt, once closed, keeps further steps from beginning, except those that restore a resource which was stopped or
	// removed (see [plan.Plan.Commits]). Running steps continue; a pull and the wait for a container end at once.
	Interrupt <-chan struct{}
}

// Apply carries out the plan and returns the outcome of each step, in the plan's order, or nil where the work before the
// first step has failed. Either way it writes the index of the state. A step that waits for a failed one does not begin. When ctx ends, running steps are given up. The
// caller must hold the lock of the state and have checked that the plan is fresh.
func (e *Executor) Apply(ctx context.Context, p *plan.Plan, o ApplyOptions) (_ []plan.Outcome, err error) {
	if o.Parallelism == 0 {
		o.Parallelism = DefaultParallelism
	}
	if o.Observe == nil {
		o.Observe = func(plan.Event) {}
	}
	if err := e.beforeSteps(ctx, p); err != nil {
		return nil, errors.Join(err, e.store.Commit())
	}
	g := graph.New(len(p.Steps))
	for i, s := range p.Steps {
		for _, on := range s.After {
			g.Wait(i, on)
		}
	}
	changes, outcomes := p.ChangesByPath(), make([]plan.Outcome, len(p.Steps))
	walk := graph.WalkOptions{Parallel: o.Parallelism, Interrupt: o.Interrupt, Commits: p.Commits()}
	results := g.Walk(ctx, walk, func(waiting context.Context, i int) error {
		outcomes[i] = e.carryOut(ctx, waiting, p, i, changes[p.Steps[i].Path], o.Observe)
		return outcomes[i].Err
	})
	for i, r := range results {
		outcomes[i].Step, outcomes[i].Done, outcomes[i].Err = p.Steps[i], r.Visited && r.Err == nil, r.Err
		if r.Blocker >= 0 {
			outcomes[i].Blocker = &p.Steps[r.Blocker]
		}
	}
	if !slices.ContainsFunc(outcomes, func(o plan.Outcome) bool { return !o.Done }) {
		for _, o := range p.Outputs {
			e.store.SetOutput(p.Project, o.Name, o.After)
		}
	}
	if ctx.Err() == nil {
		err = errors.Join(e.NoteKept(p), e.tidyPrograms(ctx))
	}
	return outcomes, errors.Join(err, e.store.Commit())
}

// carryOut carries out the step of that index, and tells observe about it.
func (e *Executor) carryOut(ctx, waiting context.Context, p *plan.Plan, index int, c *plan.Change, observe func(plan.Event)) plan.Outcome {
	step, begin := p.Steps[index], time.Now()
	observe(plan.Event{Index: index, Step: step})
	err := e.secrets.Redact(e.step(ctx, waiting, p, step, c, func(progress plan.Progress) {
		observe(plan.Event{Index: index, Step: step, Elapsed: time.Since(begin), Progress: progress})
	}))
	outcome := plan.Outcome{Elapsed: time.Since(begin), Err: err}
	if err != nil {
		outcome.Log = e.lastLines(ctx, step, exitOf(err) != "")
	}
	about := string(step.Path)
	if step.Image != nil {
		about = step.Image.Reference
	}
	slog.InfoContext(ctx, "carried out a step", "op", string(step.Op), "about", about, "took", outcome.Elapsed, "failed", err != nil)
	observe(plan.Event{Index: index, Step: step, Done: true, Elapsed: outcome.Elapsed, Err: err, Exit: exitOf(err)})
	return outcome
}

// beforeSteps does the work before the first step.
func (e *Executor) beforeSteps(ctx context.Context, p *plan.Plan) error {
	if p.HoldsSealed() {
		if err := e.secrets.SaveKey(); err != nil {
			return err
		}
	}
	// This comes first: containerd's restart monitor may be about to start a container that needs it.
	for _, name := range p.Profiles {
		if err := apparmor.Load(name); err != nil {
			return err
		}
	}
	if err := e.moveAndImport(ctx, p); err != nil {
		return err
	}
	return e.endHolds(p)
}

// moveAndImport applies the moves and imports of the plan to the state. A repetition continues an interrupted one.
func (e *Executor) moveAndImport(ctx context.Context, p *plan.Plan) error {
	if err := e.Move(ctx, p.Moves); err != nil {
		return err
	}
	for _, i := range p.Imports {
		if err := e.Import(ctx, i.Record); err != nil {
			return fmt.Errorf("import %s: %w", i.Record.Path, err)
		}
	}
	return nil
}

// endHolds records that the containers which the plan starts or unpauses are to run, whatever the user did to them before
// and however they ended. The record holds even where the start fails, or is skipped because another step has failed.
func (e *Executor) endHolds(p *plan.Plan) error {
	for _, c := range p.Changes {
		have := e.store.Record(c.Path)
		if !runs(c) || have == nil || have.Status.Run == c.After.Status.Run && (have.Status.Exit == nil) == (c.After.Status.Exit == nil) {
			continue
		}
		r := *have
		r.Status.Run, r.Status.Exit = c.After.Status.Run, c.After.Status.Exit
		if err := e.store.Put(&r); err != nil {
			return fmt.Errorf("record that %s is to run: %w", c.Path, err)
		}
	}
	return nil
}

// runs reports whether the change makes an existing container run.
func runs(c *plan.Change) bool {
	switch c.Action {
	case plan.Start, plan.Restart, plan.Unpause:
		return true
	}
	return c.Action == plan.Update && c.Start
}

// step carries out s. A pull or a wait, which can be given up without harm, ends with waiting, every other step with ctx. pulling
// is told the progress of a pull.
func (e *Executor) step(ctx, waiting context.Context, p *plan.Plan, s plan.Step, c *plan.Change, pulling func(plan.Progress)) error {
	switch s.Op {
	case plan.OpImage:
		err := e.image(waiting, s.Image, pulling)
		if waiting.Err() != nil && err != nil {
			return fmt.Errorf("given up: %w", waiting.Err())
		}
		return err
	case plan.OpRecord:
		return e.accept(c)
	case plan.OpForget:
		return e.forget(ctx, c.Before)
	case plan.OpNames:
		return e.writeNames(ctx, s.Path, p.Names)
	}
	k := e.kind(c, p.Names)
	switch s.Op {
	case plan.OpPrepare:
		return containerKind{e}.try(ctx, c.After)
	case plan.OpCreate:
		return k.create(ctx, c.After)
	case plan.OpUpdate:
		return k.update(ctx, c.Before, c.After)
	case plan.OpDelete:
		if top, ok := k.(realmKind); ok && c.RemoveImages {
			return top.removeWithImages(ctx, c.Before)
		}
		if err := (containerKind{e}).carry(ctx, c); err != nil {
			return err
		}
		return k.remove(ctx, c.Before)
	case plan.OpAdopt:
		return containerKind{e}.adopt(ctx, c.After)
	case plan.OpStop:
		return containerKind{e}.halt(ctx, c)
	case plan.OpKill:
		return containerKind{e}.kill(ctx, c)
	case plan.OpPause, plan.OpUnpause:
		return containerKind{e}.freeze(ctx, c)
	case plan.OpStart:
		return containerKind{e}.start(ctx, c.After)
	case plan.OpCheck:
		return containerKind{e}.await(waiting, c.After, c.Check)
	}
	return fmt.Errorf("the plan holds an operation %q that this kuke does not know", s.Op)
}
