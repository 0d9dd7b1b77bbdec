package executor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/monitor"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// settleTime is the time that a container has to run, from the last step on; settleInterval is the time between two looks at it.
const (
	settleTime     = 2 * time.Second
	settleInterval = 100 * time.Millisecond
)

// lastLines is the number of lines of output in a [plan.RehearsedExit].
const lastLines = 5

// Settle waits for a moment after the last step, and returns the containers that the steps started and that have ended by then, in
// the order of the steps, with the end of their output. It leaves out those that may end: with 0 and without a restart, or those
// that a step waited for until they did. Where all have ended, or a step has failed, there is nothing to wait for.
func (e *Executor) Settle(ctx context.Context, p *plan.Plan, outcomes []plan.Outcome) ([]plan.RehearsedExit, error) {
	started := e.startedBy(p, outcomes)
	end := time.Now().Add(settleTime)
	if slices.ContainsFunc(outcomes, func(o plan.Outcome) bool { return !o.Done }) {
		end = time.Now().Add(firstMoment)
	}
	for {
		exits, err := e.unsettled(ctx, started)
		if err != nil {
			return nil, err
		}
		if len(exits) == len(started) || !time.Now().Before(end) {
			return exits, e.addOutput(ctx, exits)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(settleInterval):
		}
	}
}

// unsettled returns those of the started containers that do not last.
func (e *Executor) unsettled(ctx context.Context, started []*state.Record) (exits []plan.RehearsedExit, err error) {
	found := map[string]map[string]containers.Container{}
	for _, r := range started {
		ns := r.Status.Namespace
		if found[ns] == nil {
			list, err := containers.List(ctx, e.containerd, ns)
			if err != nil {
				return nil, err
			}
			found[ns] = make(map[string]containers.Container, len(list))
			for _, c := range list {
				found[ns][c.ID] = c
			}
		}
		if reason := e.endOf(r, found[ns][r.Status.ContainerID]); reason != "" {
			exits = append(exits, plan.RehearsedExit{Exited: plan.Exited{Path: r.Path, Reason: reason}})
		}
	}
	return exits, nil
}

// addOutput adds the last lines of the output of the containers, without sensitive values.
func (e *Executor) addOutput(ctx context.Context, exits []plan.RehearsedExit) error {
	if len(exits) > 0 {
		LogSettles()
	}
	for i := range exits {
		var err error
		if exits[i].Output, err = e.output(ctx, exits[i].Path, lastLines); err != nil {
			return err
		}
	}
	return nil
}

// startedBy returns the records of the containers that the steps started.
func (e *Executor) startedBy(p *plan.Plan, outcomes []plan.Outcome) []*state.Record {
	changes := p.ChangesByPath()
	over := map[resource.Path]bool{} // whose exit a step tells
	for _, o := range outcomes {
		if o.Step.Op == plan.OpCheck && (!o.Done || changes[o.Step.Path].Check == resource.Completed) {
			over[o.Step.Path] = true
		}
	}
	var started []*state.Record
	for _, o := range outcomes {
		at := o.Step.Path
		if !o.Done || at == "" || at.Kind() != resource.KindContainer || over[at] || o.Step.Op != plan.OpCreate && o.Step.Op != plan.OpStart {
			continue
		}
		if r := e.store.Record(at); r != nil && !e.withheld(r) {
			started = append(started, r)
		}
	}
	return started
}

// endOf returns the reason why a started container does not last, or "".
func (e *Executor) endOf(r *state.Record, c containers.Container) string {
	policy := r.Spec.(*resource.Container).RestartPolicy
	switch {
	case c.Status == containers.StatusStopped && c.ExitCode == 0 && (monitor.Never(policy) || monitor.OnFailure(policy)):
		return ""
	case c.Status == containers.StatusStopped:
		return containerKind{e}.exitError(r, c.ExitCode, nil).Error()
	case c.RestartCount > 0:
		return fmt.Sprintf("it exited, and was restarted %d times", c.RestartCount)
	}
	return ""
}
