package session

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/executor/vitals"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// HealthEvent is a change that [Session.KeepHealth] tells of.
type HealthEvent struct {
	Path resource.Path // empty for events that concern all containers
	// Text is one line.
	Text string
}

const (
	// healthTick is the interval at which checks that are due begin, and lookInterval that at which the state and the tasks are
	// looked at.
	healthTick   = 200 * time.Millisecond
	lookInterval = time.Second
	// checksAtOnce is the maximum number of checks that run at the same time.
	checksAtOnce = 16
	// rereadAfter is the time after which the state is read even if its index has not changed: during an apply the manifests change
	// before it.
	rereadAfter = 15 * time.Second
)

// KeepHealth runs the checks of all recorded containers at their intervals, publishes their health, and restarts those that become
// unhealthy and are to be restarted then, until ctx ends. It holds the lock of the state only for these restarts. A failure of
// containerd or of the state ends nothing: the next look may succeed.
func (s *Session) KeepHealth(ctx context.Context, observe func(HealthEvent)) error {
	k := &healthKeeper{
		session: s, observe: observe, watched: map[resource.Path]*watchedContainer{},
		results: make(chan checkResult), restarted: make(chan restartResult),
	}
	defer k.close()
	ticker := time.NewTicker(healthTick)
	defer ticker.Stop()
	for looked := (time.Time{}); ctx.Err() == nil; {
		if time.Since(looked) >= lookInterval {
			looked = time.Now()
			err := k.look(ctx)
			k.away = err != nil
			k.problem(errors.Join(err, k.publish()))
		}
		if !k.away {
			k.beginDue(ctx)
		}
		select {
		case <-ctx.Done():
		case r := <-k.results:
			k.judge(ctx, r)
		case r := <-k.restarted:
			k.endRestart(r)
		case <-ticker.C:
		}
	}
	return nil
}

// healthKeeper is the work of [Session.KeepHealth]. Only its own goroutine uses it; checks and restarts run in others, which send
// their results.
type healthKeeper struct {
	session *Session
	observe func(HealthEvent)
	// exec and store are open while containerd answers; keeper publishes for the lineage.
	exec    *executor.Executor
	store   *state.Store
	keeper  *vitals.Keeper
	lineage string
	// index is the index of the state as it was read last, at readAt.
	index  os.FileInfo
	readAt time.Time

	watched   map[resource.Path]*watchedContainer
	results   chan checkResult
	restarted chan restartResult
	running   int  // checks
	away      bool // the last look has failed
	workers   sync.WaitGroup
	// changed says that the published health is not current. told is the text of the last problem.
	changed bool
	told    string
}

// watchedContainer is a recorded container that is checked.
type watchedContainer struct {
	record  *state.Record
	check   *resource.Healthcheck
	task    executor.Task
	health  *plan.HealthStatus // nil while it doesn't run
	next    time.Time          // of the check
	busy    bool               // a check runs
	restart restartState
}

type checkResult struct {
	path    resource.Path
	task    executor.Task
	failure *plan.CheckFailure
	err     error
}

func (k *healthKeeper) tell(p resource.Path, text string) {
	k.observe(HealthEvent{Path: p, Text: text})
}

// problem tells an error once, as long as it stays the same.
func (k *healthKeeper) problem(err error) {
	text := ""
	if err != nil && !errors.Is(err, context.Canceled) {
		text = err.Error()
	}
	if text != "" && text != k.told {
		k.tell("", text)
	}
	if text != "" || err == nil {
		k.told = text
	}
}

// look reads the state where it has changed, and finds the tasks.
func (k *healthKeeper) look(ctx context.Context) error {
	if err := k.readState(ctx); err != nil {
		return err
	}
	if k.exec == nil || len(k.watched) == 0 {
		return nil
	}
	records := make([]*state.Record, 0, len(k.watched))
	for _, w := range k.watched {
		records = append(records, w.record)
	}
	limited, cancel := context.WithTimeout(ctx, k.session.CallTimeout)
	defer cancel()
	tasks, err := k.exec.Running(limited, records)
	if err != nil {
		return err
	}
	for p, w := range k.watched {
		task, runs := tasks[p]
		k.follow(w, task, runs)
	}
	return nil
}

// beginDue begins the checks that are due.
func (k *healthKeeper) beginDue(ctx context.Context) {
	now := time.Now()
	for p, w := range k.watched {
		if w.health != nil && !w.busy && !now.Before(w.next) && k.running < checksAtOnce {
			k.begin(ctx, p, w)
		}
	}
}

// follow notes the task of a container. A task that is another than before is starting, and checked at once.
func (k *healthKeeper) follow(w *watchedContainer, task executor.Task, runs bool) {
	switch {
	case !runs && w.health != nil:
		w.health, k.changed = nil, true
	case runs && (w.health == nil || w.task != task):
		w.task, w.next, k.changed = task, time.Now(), true
		w.health = &plan.HealthStatus{
			State: plan.HealthStarting, Since: task.Started, ContainerID: w.record.Status.ContainerID, PID: task.PID, Restarts: w.restart.count,
		}
	}
}

// begin runs the check of a container.
func (k *healthKeeper) begin(ctx context.Context, p resource.Path, w *watchedContainer) {
	w.busy = true
	k.running++
	exec, record, check, task := k.exec, w.record, w.check, w.task
	k.workers.Add(1)
	go func() {
		defer k.workers.Done()
		// A runtime that hangs must not hold the check for ever.
		limited, cancel := context.WithTimeout(ctx, check.Timeout()+k.session.CallTimeout)
		defer cancel()
		failure, err := exec.Check(limited, record, check)
		select {
		case k.results <- checkResult{p, task, failure, err}:
		case <-ctx.Done():
		}
	}()
}

// judge takes the result of a check. One of another task than now counts for nothing.
func (k *healthKeeper) judge(ctx context.Context, r checkResult) {
	k.running--
	w := k.watched[r.path]
	if w == nil {
		return
	}
	w.busy = false
	now := time.Now()
	if w.health == nil || w.task != r.task {
		return
	}
	if r.err != nil { // which says nothing about the container
		w.next = now.Add(w.check.Interval())
		k.problem(r.err)
		return
	}
	before := *w.health
	after := planner.Judge(w.check, before, r.failure, w.task.Started, now)
	w.health, w.next, k.changed = &after, planner.NextCheck(w.check, after, w.task.Started, now), true
	if after.State != before.State {
		text := after.State
		if after.Detail != "" {
			text += ": " + after.Detail
		}
		k.problem(k.publish())
		k.tell(r.path, text)
	}
	k.restartUnhealthy(ctx, w, now)
}

// publish writes the health of all containers where it has changed.
func (k *healthKeeper) publish() error {
	if k.keeper == nil || !k.changed {
		return nil
	}
	all := map[resource.Path]*plan.HealthStatus{}
	for p, w := range k.watched {
		if w.health != nil {
			all[p] = w.health
		}
	}
	if err := k.keeper.Publish(vitals.Published{Containers: all}); err != nil {
		return err
	}
	k.changed = false
	return nil
}

// close waits for restarts, and removes the published health.
func (k *healthKeeper) close() {
	k.workers.Wait()
	if k.exec != nil {
		_ = k.exec.Close()
	}
	if k.keeper != nil {
		if err := k.keeper.Close(); err != nil {
			slog.Warn("could not remove the published health", "error", err) // which counts for nothing now
		}
	}
}
