package task

import (
	"context"
	"fmt"
	"slices"

	"github.com/containerd/containerd/api/services/tasks/v1"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/poll"
	"github.com/kukeon/kuke/executor/internal/shim"
)

// find returns the task of a container, or nil where it has none. Then it also removes orphaned processes and directories
// of one: a client that was killed while it made the task can leave a shim and a process that containerd does not know, but
// that block the name of the task.
func find(ctx context.Context, c *client.Client, container containerd.Container) (containerd.Task, error) {
	ns, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return nil, err
	}
	var quiet shim.Quiet
	for {
		task, err := container.Task(ctx, nil)
		switch {
		case err == nil:
			return task, nil
		case !errdefs.IsNotFound(err):
			return nil, err
		case !hasOrphans(c, ns, container.ID()):
			return nil, nil
		case quiet.Reached(ns, container.ID()):
			return nil, removeOrphans(ctx, c, ns, container.ID())
		}
		if err := poll.Pause(ctx); err != nil {
			return nil, err
		}
	}
}

// hasOrphans reports whether directories or processes of a task, or of one in the making, exist.
func hasOrphans(c *client.Client, ns, id string) bool {
	return c.Left.HasTraces(ns, id) || len(c.Left.Processes(shim.Task{NS: ns, ID: id})) > 0
}

// removeOrphans ends the shim and the process of a task that containerd doesn't know, as containerd itself cleans up after
// a shim that died.
func removeOrphans(ctx context.Context, c *client.Client, ns, id string) error {
	bundle := c.Left.Bundle(shim.Task{NS: ns, ID: id})
	// Where containerd knows at least the shim, this does the whole work.
	_, err := c.Containerd.TaskService().Delete(ctx, &tasks.DeleteTaskRequest{ContainerID: id})
	if err := client.Gone(errgrpc.ToNative(err)); err != nil {
		return fmt.Errorf("remove its orphaned task: %w", err)
	}
	// This finds processes that started after the first scan of this command too.
	processes := c.Left.Scan().Tasks[shim.Task{NS: ns, ID: id}]
	shims, err := shim.EndProcesses(processes, false)
	if err != nil {
		return err
	}
	if shims {
		// containerd notices, and cleans up by name: a new task of that name has to wait for the end of that.
		if err := shim.AwaitGone(ctx, ns, id, bundle); err != nil {
			return err
		}
	}
	if err := shim.RemoveFromRunc(ctx, ns, id); err != nil {
		return err
	}
	// The writers end with the output that they read, unless another process holds it open.
	if err := shim.AwaitEnded(ctx, processes); err != nil {
		return err
	}
	if _, err := shim.EndProcesses(processes, true); err != nil {
		return err
	}
	return shim.RemoveBundle(bundle)
}

// RemoveOrphaned removes the orphaned task that the processes serve, unless they end by themselves: it may have been
// removed a moment ago.
func RemoveOrphaned(ctx context.Context, c *client.Client, ns, id string, processes []shim.Process) error {
	var quiet shim.Quiet
	for slices.ContainsFunc(processes, shim.Process.Alive) {
		if quiet.Reached(ns, id) {
			return removeOrphans(ctx, c, ns, id)
		}
		if err := poll.Pause(ctx); err != nil {
			return err
		}
	}
	return nil
}
