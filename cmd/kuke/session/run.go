package session

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// source is the origin of a plan: a configuration, a saved plan, an operation, or the host as it is. Its methods are called in
// the order in which they are written here, by [Session.plan] alone.
type source interface {
	// prepare completes the source with the state and the host. A saved plan that is stale is refused.
	prepare(ctx context.Context, w *world) error
	// values returns the configuration whose sensitive values are to be sealed, nil for none, and the key of a saved plan.
	values() (*resource.Tree, resource.SealKey)
	// wanted returns the resources for which the host is looked at.
	wanted(prior *state.State) *resource.Tree
	// look looks at the host.
	look(ctx context.Context, w *world, desired *resource.Tree) (*plan.Actual, error)
	// decide returns the plan. It returns none, and no error, if the source or the state has changed: then the host is looked
	// at again.
	decide(ctx context.Context, w *world, desired *resource.Tree, actual *plan.Actual) (*plan.Plan, resource.Diagnostics, error)
}

// plan makes a plan that can be carried out, or makes sure that a saved one still can be.
func (s *Session) plan(ctx context.Context, w *world, from source) (*plan.Plan, error) {
	if err := from.prepare(ctx, w); err != nil {
		return nil, err
	}
	for {
		configured, key := from.values()
		if err := w.exec.UseKey(key); err != nil {
			return nil, err
		}
		if err := w.exec.Seal(configured); err != nil {
			return nil, err
		}
		begin := time.Now()
		desired := from.wanted(w.prior)
		actual, err := from.look(ctx, w, desired)
		if err != nil && ctx.Err() != nil {
			return nil, ErrInterrupted
		}
		if err != nil {
			return nil, err
		}
		looked := time.Now()
		made, diags, err := from.decide(ctx, w, desired, actual)
		if err != nil {
			return nil, err
		}
		if made == nil && !diags.HasErrors() {
			continue
		}
		slog.InfoContext(ctx, "made a plan", "looking", looked.Sub(begin), "planning", time.Since(looked), "failed", made == nil)
		if err := s.Report(diags); err != nil {
			return nil, err
		}
		if err := s.review(ctx, w, made, actual); err != nil {
			return nil, err
		}
		made.Key = w.exec.PlanKey(made)
		return made, w.exec.Provide(made)
	}
}

// RunOptions say how a plan is carried out.
type RunOptions struct {
	// LockTimeout is how long to wait for the lock of the state.
	LockTimeout time.Duration
	// Parallelism is the maximum number of steps at once; 0 is one for each step of the plan.
	Parallelism int
	// Review shows the plan before anything of it is done, asks for approval if the plan needs one, and reports whether to
	// carry the plan out.
	Review func(ctx context.Context, p *plan.Plan) (approved bool, err error)
}

// Progress is told how a plan is carried out.
type Progress interface {
	// Begin is called before the first step, with the durations of earlier applies and the maximum number of steps at once.
	Begin(p *plan.Plan, past state.Durations, parallelism int)
	// Observe is called by several goroutines.
	Observe(e plan.Event)
	// End is told the result, also that of a plan without changes, for which Begin is not called.
	End(r *plan.Result)
}

// Interrupts tells of the user's wish that no further step begins.
type Interrupts interface {
	// DeferCancel makes the first interrupt leave contexts alone: steps under way are finished.
	DeferCancel()
	// First is closed at the first interrupt.
	First() <-chan struct{}
}

// run plans and applies, with the lock held. Nothing changes before [RunOptions.Review] has approved the plan.
func (s *Session) run(ctx context.Context, from source, o RunOptions) error {
	return s.withHost(ctx, o.LockTimeout, func(w *world) error {
		made, err := s.plan(ctx, w, from)
		if err != nil {
			return err
		}
		if approved, err := o.Review(ctx, made); err != nil || !approved {
			return err
		}
		if made.Empty() {
			if err := errors.Join(s.remember(w.store, made), w.exec.NoteKept(made), w.store.Commit()); err != nil { // which also writes an index that was broken
				return err
			}
			s.Progress.End(&plan.Result{Plan: made, Outputs: w.store.Outputs(made.Project)})
			return nil
		}
		if err := s.remember(w.store, made); err != nil {
			return err
		}
		trail, err := s.beginTrail(w, made)
		if err != nil {
			return err
		}
		return s.apply(ctx, w, made, o.Parallelism, trail)
	})
}

// apply carries out the steps of a plan. The error is [ErrIncomplete] if some of them were not done.
func (s *Session) apply(ctx context.Context, w *world, p *plan.Plan, parallelism int, trail *trail) error {
	if parallelism == 0 {
		parallelism = max(executor.DefaultParallelism, len(p.Steps))
	}
	s.Interrupts.DeferCancel()
	s.Progress.Begin(p, w.store.Durations(), parallelism)
	outcomes, err := w.exec.Apply(ctx, p, executor.ApplyOptions{
		Parallelism: parallelism, Observe: s.Progress.Observe, Interrupt: s.Interrupts.First(),
	})
	err = s.endTrail(trail, w, p, outcomes, err)
	if outcomes == nil {
		return err // before the first step
	}
	// The outcome is told also if the index could not be written.
	exited, exitedErr := w.exec.Exited(ctx, outcomes)
	if exitedErr != nil {
		slog.Debug("can't tell which containers have ended", "error", exitedErr)
	}
	result := &plan.Result{Plan: p, Outcomes: outcomes, Exited: exited, Outputs: w.store.Outputs(p.Project)}
	if err := w.store.RecordDurations(result.Durations()); err != nil {
		slog.DebugContext(ctx, "can't record durations", "error", err) // they are only hints
	}
	s.Progress.End(result)
	switch {
	case err != nil:
		return err
	case !result.Complete():
		return ErrIncomplete
	}
	return nil
}
