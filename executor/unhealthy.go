package executor

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/observe"
	"github.com/kukeon/kuke/executor/vitals"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// retryInterval is the maximum time between two checks of a container whose health a plan depends on.
const retryInterval = time.Second

// unhealthy checks the desired containers that are recorded, run, and are to be restarted when they are unhealthy, and says why each
// of them is. It checks none where a process keeps health up: that restarts them.
func (e *Executor) unhealthy(ctx context.Context, desired *resource.Tree, prior *state.State) (map[resource.Path]string, error) {
	var records []*state.Record
	for _, c := range observe.Containers(desired) {
		if r := prior.Records[c.Path]; r != nil && r.Status.Run == "" && e.restartsUnhealthy(r) {
			records = append(records, r)
		}
	}
	if len(records) == 0 {
		return nil, nil
	}
	if published, err := vitals.Read(prior.Lineage); published != nil || err != nil {
		return nil, err
	}
	tasks, err := e.Running(ctx, records)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	found := map[resource.Path]string{}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(checksAtOnce)
	for _, r := range records {
		task, runs := tasks[r.Path]
		if !runs || time.Since(task.Started) < r.Healthcheck().StartPeriod() {
			continue
		}
		g.Go(func() error {
			failure, err := e.checkUntilSure(ctx, r, r.Healthcheck())
			if failure != nil {
				mu.Lock()
				defer mu.Unlock()
				found[r.Path] = failure.Detail
			}
			return err
		})
	}
	return found, g.Wait()
}

// restartsUnhealthy reports whether the recorded container is to be restarted when it is unhealthy, and its check can be run.
func (e *Executor) restartsUnhealthy(r *state.Record) bool {
	check := r.Healthcheck()
	if check == nil || check.OnUnhealthy != resource.UnhealthyRestart {
		return false
	}
	return !slices.ContainsFunc(check.Exec, resource.IsSealed) || e.secrets.Knows(r.Spec.(*resource.Container))
}

// checkUntilSure checks a container until one check succeeds, or as many have failed as make it unhealthy, whose last failure it
// returns.
func (e *Executor) checkUntilSure(ctx context.Context, r *state.Record, check *resource.Healthcheck) (failure *plan.CheckFailure, err error) {
	for tries := check.Tries(); ; tries-- {
		if failure, err = e.Check(ctx, r, check); failure == nil || err != nil || tries <= 1 {
			return failure, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(min(check.Interval(), retryInterval)):
		}
	}
}
