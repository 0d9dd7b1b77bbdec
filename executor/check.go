package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"golang.org/x/sync/errgroup"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/process"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Task is the running task of a container.
type Task struct {
	PID     uint32
	Started time.Time
}

// Running returns the tasks of the recorded containers that run. It makes a constant number of calls for each containerd namespace.
func (e *Executor) Running(ctx context.Context, records []*state.Record) (map[resource.Path]Task, error) {
	paths := map[string]map[string]resource.Path{} // by namespace and containerd id
	for _, r := range records {
		if paths[r.Status.Namespace] == nil {
			paths[r.Status.Namespace] = map[string]resource.Path{}
		}
		paths[r.Status.Namespace][r.Status.ContainerID] = r.Path
	}
	tasks := map[resource.Path]Task{}
	for namespace, in := range paths {
		list, err := containers.List(ctx, e.containerd, namespace)
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			p, wanted := in[c.ID]
			if !wanted || c.Status != containers.StatusRunning {
				continue
			}
			started, err := process.StartTime(int(c.PID))
			if err != nil {
				continue // it has ended meanwhile
			}
			tasks[p] = Task{PID: c.PID, Started: started}
		}
	}
	return tasks, nil
}

// Checkable returns the check of the recorded container, nil where it has none, or one that only a command with its configuration can
// run, because of sensitive values.
func Checkable(r *state.Record) *resource.Healthcheck {
	check := r.Healthcheck()
	if check == nil || slices.ContainsFunc(check.Exec, resource.IsSealed) {
		return nil
	}
	return check
}

// Check runs the check of a running container once, and returns nil if it succeeds. The error says that it could not be run: ctx has
// ended, or containerd is away. Then nothing is known of the container.
func (e *Executor) Check(ctx context.Context, r *state.Record, check *resource.Healthcheck) (*plan.CheckFailure, error) {
	err := containerKind{e}.probeRunning(ctx, r, check)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err == nil || errdefs.IsUnavailable(err) {
		return nil, err
	}
	failure := &plan.CheckFailure{}
	var command *commandError
	if errors.As(err, &command) {
		failure.Output = e.shownOutput(r, command.output)
		if failure.Output == "" {
			err = command.withoutOutput()
		}
	}
	failure.Detail = strings.ToValidUTF8(e.secrets.RedactText(err.Error()), "\uFFFD")
	return failure, nil
}

// shownOutput returns the output of a command in the container without sensitive values: nothing where one of these is unknown.
func (e *Executor) shownOutput(r *state.Record, output []byte) string {
	if !e.secrets.Knows(r.Spec.(*resource.Container)) {
		return ""
	}
	return strings.ToValidUTF8(e.secrets.RedactText(strings.TrimSpace(string(output))), "\uFFFD")
}

// checksAtOnce is the maximum number of checks that run at the same time.
const checksAtOnce = 16

// CheckAll runs the checks of the recorded containers that run, at the same time, and returns their health. Those that don't end
// before ctx does are [plan.HealthUnknown].
func (e *Executor) CheckAll(ctx context.Context, records []*state.Record) (map[resource.Path]*plan.HealthStatus, error) {
	tasks, err := e.Running(ctx, records)
	if err != nil {
		return nil, err
	}
	found := make([]*plan.HealthStatus, len(records))
	g := errgroup.Group{}
	g.SetLimit(checksAtOnce)
	for i, r := range records {
		task, runs := tasks[r.Path]
		check := Checkable(r)
		if !runs || check == nil {
			continue
		}
		g.Go(func() error {
			found[i] = e.checkOnce(ctx, r, check, task)
			return nil
		})
	}
	_ = g.Wait()
	all := map[resource.Path]*plan.HealthStatus{}
	for i, r := range records {
		if found[i] != nil {
			all[r.Path] = found[i]
		}
	}
	return all, nil
}

// checkOnce returns the health of a container as one check says.
func (e *Executor) checkOnce(ctx context.Context, r *state.Record, check *resource.Healthcheck, task Task) *plan.HealthStatus {
	failure, err := e.Check(ctx, r, check)
	now := time.Now()
	health := &plan.HealthStatus{State: state.Healthy, Since: now, CheckedAt: now, ContainerID: r.Status.ContainerID, PID: task.PID}
	switch {
	case err != nil:
		health.State, health.CheckedAt, health.Detail = plan.HealthUnknown, time.Time{}, err.Error()
		if errors.Is(err, context.DeadlineExceeded) {
			health.Detail = "its check had not ended in time"
		}
	case failure == nil:
	default:
		health.State, health.Failures, health.Detail, health.Output = state.Unhealthy, 1, failure.Detail, failure.Output
		if now.Sub(task.Started) < check.StartPeriod() {
			health.State, health.Failures = plan.HealthStarting, 0
		}
	}
	return health
}

// commandError says that the command of a healthcheck has failed.
type commandError struct {
	name   string // empty where the output may hold sensitive arguments
	code   uint32
	output []byte
}

func (c *commandError) Error() string {
	text := c.withoutOutput().Error()
	if c.name == "" {
		return text
	}
	return text + lastLine(c.output)
}

func (c *commandError) withoutOutput() error {
	name := c.name
	if name == "" {
		name = "its command"
	}
	return fmt.Errorf("%s exited with code %d", name, c.code)
}
