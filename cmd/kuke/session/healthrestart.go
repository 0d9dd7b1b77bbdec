package session

import (
	"context"
	"fmt"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// restartState tells of the restarts of a container because it was unhealthy.
type restartState struct {
	// count is the number of all restarts, and inRow of those since it was last healthy.
	count, inRow int
	busy         bool
	// next is the earliest time of the next restart.
	next time.Time
}

type restartResult struct {
	path      resource.Path
	restarted bool
	err       error
}

// tryAgain is the time after a restart that has failed, for example because another command holds the lock.
const tryAgain = 5 * time.Second

// restartUnhealthy restarts a container that is unhealthy, if it is to be restarted then, and not too soon after the last time.
func (k *healthKeeper) restartUnhealthy(ctx context.Context, w *watchedContainer, now time.Time) {
	if w.health.State == state.Healthy {
		w.restart.inRow = 0
	}
	if w.health.State != state.Unhealthy || w.check.OnUnhealthy != resource.UnhealthyRestart || w.restart.busy || now.Before(w.restart.next) {
		return
	}
	w.restart.busy = true
	k.tell(w.record.Path, "restarting it because it is unhealthy")
	record, detail := w.record, w.health.Detail
	k.workers.Add(1)
	go func() {
		defer k.workers.Done()
		restarted, err := k.session.restartUnhealthy(ctx, record, detail)
		select {
		case k.restarted <- restartResult{record.Path, restarted, err}:
		case <-ctx.Done():
		}
	}()
}

// endRestart takes the result of a restart.
func (k *healthKeeper) endRestart(r restartResult) {
	w := k.watched[r.path]
	if r.err != nil {
		k.tell(r.path, fmt.Sprintf("could not restart it: %v", r.err))
	}
	if w == nil {
		return
	}
	w.restart.busy = false
	if !r.restarted {
		w.restart.next = time.Now().Add(tryAgain)
		return
	}
	w.restart.count++
	w.restart.inRow++
	w.restart.next = time.Now().Add(planner.RestartBackOff(w.restart.inRow))
	if w.health != nil {
		health := *w.health
		health.Restarts = w.restart.count
		w.health = &health
	}
	k.changed = true
	k.problem(k.publish())
	k.tell(r.path, "restarted")
}

// restartUnhealthy restarts the recorded container as kuke restart does, with the lock of the state and an entry in the history, but
// does not wait until it is healthy. It leaves a container alone that was stopped or replaced meanwhile, and reports whether it has
// restarted it. ctx only keeps it from beginning.
func (s *Session) restartUnhealthy(ctx context.Context, r *state.Record, detail string) (restarted bool, err error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	quiet := *s
	quiet.Progress, quiet.Interrupts = &countingProgress{}, uninterrupted{}
	o := planner.Operation{Action: plan.Restart, Unhealthy: detail}
	find := func(prior *state.State) ([]resource.Path, error) {
		now := prior.Records[r.Path]
		if now == nil || now.Status.ContainerID != r.Status.ContainerID || now.Status.SpecDigest != r.Status.SpecDigest || now.Status.Run != "" {
			return nil, nil
		}
		return []resource.Path{r.Path}, nil
	}
	approve := func(context.Context, *plan.Plan) (bool, error) { return true, nil }
	err = quiet.operate(context.WithoutCancel(ctx), o, RunOptions{Review: approve}, find)
	done := quiet.Progress.(*countingProgress)
	if err != nil && done.failure != nil {
		err = done.failure
	}
	return done.steps > 0 && err == nil, err
}

// countingProgress keeps the result of a plan.
type countingProgress struct {
	steps   int
	failure error
}

func (*countingProgress) Begin(*plan.Plan, state.Durations, int) {}
func (*countingProgress) Observe(plan.Event)                     {}

func (p *countingProgress) End(r *plan.Result) {
	for _, o := range r.Outcomes {
		if o.Done {
			p.steps++
		}
		if o.Err != nil && p.failure == nil {
			p.failure = o.Err
		}
	}
}

// uninterrupted are the interrupts of a plan that ends by itself in a moment.
type uninterrupted struct{}

func (uninterrupted) DeferCancel()           {}
func (uninterrupted) First() <-chan struct{} { return nil }
