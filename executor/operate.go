package executor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/configs"
	"github.com/kukeon/kuke/executor/internal/logs"
	"github.com/kukeon/kuke/executor/internal/task"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// halt ends the task of a container. A container that is to stay stopped is recorded as stopped, one that is shut down as
// it was before.
func (k containerKind) halt(ctx context.Context, c *plan.Change) error {
	exit, err := k.stop(ctx, c.Before, c.GraceSeconds)
	if err != nil {
		return err
	}
	switch c.Action {
	case plan.Stop:
		return k.recordExit(c.After, exit)
	case plan.Shutdown:
		return k.executor.record(c.After, false)
	}
	return nil // its start is recorded
}

// recordExit records the exit of a container's task, which containerd forgets with the task or in a reboot.
func (k containerKind) recordExit(after *state.Record, exit task.Exit) error {
	r := *after
	if !exit.At.IsZero() {
		r.Status.Exit = &state.Exit{Code: exit.Code, At: exit.At.UTC().Truncate(time.Millisecond)}
	}
	return k.executor.record(&r, false)
}

// stop asks the task of a container to end, and kills it when the grace period is over: the container's own, where seconds
// is nil.
func (k containerKind) stop(ctx context.Context, r *state.Record, seconds *int64) (task.Exit, error) {
	if err := k.disregardExit(r); err != nil {
		return task.Exit{}, err
	}
	spec := r.Spec.(*resource.Container)
	grace := spec.StopTimeout()
	if seconds != nil {
		grace = *seconds
	}
	return task.Stop(ctx, k.executor.containerd, r.Status.Namespace, r.Status.ContainerID, spec.StopSignal, time.Duration(grace)*time.Second)
}

// disregardExit keeps the exit of a stopped container, with any code, from counting as its completion.
func (k containerKind) disregardExit(r *state.Record) error {
	if !runsOnce(r) {
		return nil
	}
	log := k.executor.store.LogFile(r.Path)
	if _, err := os.Lstat(log); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return logs.DisregardExit(log)
}

// kill sends a signal. A container that it ends for good is recorded as killed.
func (k containerKind) kill(ctx context.Context, c *plan.Change) error {
	if c.After.Status.Run != "" {
		if err := k.disregardExit(c.After); err != nil {
			return err
		}
	}
	exit, err := task.Kill(ctx, k.executor.containerd, c.After.Status.Namespace, c.After.Status.ContainerID, c.Signal, c.After.Status.Run != "")
	if err != nil {
		return err
	}
	return k.recordExit(c.After, exit)
}

// freeze pauses or unpauses a container.
func (k containerKind) freeze(ctx context.Context, c *plan.Change) error {
	if k.executor.withheld(c.After) {
		return k.executor.record(c.After, false)
	}
	namespace, id := c.After.Status.Namespace, c.After.Status.ContainerID
	if c.Action == plan.Pause {
		if err := k.watch(ctx, c.After); err != nil {
			return err
		}
		if err := task.Pause(ctx, k.executor.containerd, namespace, id); err != nil {
			return errors.Join(err, k.watch(ctx, c.Before))
		}
		return k.executor.record(c.After, false)
	}
	if err := task.Resume(ctx, k.executor.containerd, namespace, id); err != nil {
		return err
	}
	// containerd does not know a cgroup that another program has frozen.
	if err := k.executor.cgroups.Thaw(c.After.Status.Cgroup); err != nil {
		return err
	}
	if err := k.watch(ctx, c.After); err != nil {
		return err
	}
	return k.executor.record(c.After, false)
}

// accept records the observed resource, and touches nothing else. It deletes the record of a resource that was removed.
func (e *Executor) accept(c *plan.Change) error {
	if c.After == nil {
		return errors.Join(e.secrets.Remove(c.Before), configs.Remove(e.store, c.Before), e.store.Delete(c.Path))
	}
	return e.store.Put(c.After)
}
