package executor

import (
	"context"
	"fmt"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/monitor"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// settleTime is the time that a container has to run, from the last step on.
const settleTime = 3 * time.Second

// lastLines is the number of lines of output in a [plan.RehearsedExit].
const lastLines = 5

// Settle waits for a moment after the last step, and returns the containers that the steps started and that have ended by then, in
// the order of the steps, with the end of their output. It leaves out those that may end: with 0 and without a restart, or those
// that a step waited for until they did.
func (e *Executor) Settle(ctx context.Context, p *plan.Plan, outcomes []plan.Outcome) ([]plan.RehearsedExit, error) {
	started := e.startedBy(p, outcomes)
	if len(started) == 0 {
		return nil, nil
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(settleTime):
	}
	found := map[string]map[string]containers.Container{}
	var exits []plan.RehearsedExit
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
		c := found[ns][r.Status.ContainerID]
		reason := e.unsettled(r, c)
		if reason == "" {
			continue
		}
		output, err := e.lastOutput(ctx, r)
		if err != nil {
			return nil, err
		}
		exits = append(exits, plan.RehearsedExit{Exited: plan.Exited{Path: r.Path, Reason: reason}, Output: output})
	}
	return exits, nil
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

// unsettled returns the reason why a started container does not last, or "".
func (e *Executor) unsettled(r *state.Record, c containers.Container) string {
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

// lastOutput returns the last lines of the output of a container, without sensitive values.
func (e *Executor) lastOutput(ctx context.Context, r *state.Record) (lines []string, err error) {
	err = ReadLog(ctx, e.store.LogFile(r.Path), LogOptions{Tail: lastLines}, func(entry LogEntry) error {
		lines = append(lines, e.secrets.RedactText(entry.Text))
		return nil
	})
	return lines, err
}
