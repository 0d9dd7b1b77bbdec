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
	// Where containerd knows at least the shim, this does the whole work.
	_, err := c.Containerd.TaskService().Delete(ctx, &tasks.DeleteTaskRequest{ContainerID: id})
	if err := client.Gone(errgrpc.ToNative(err)); err != nil {
		return fmt.Errorf("remove its orphaned task: %w", err)
	}
	return c.Left.Remove(ctx, shim.Task{NS: ns, ID: id})
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
