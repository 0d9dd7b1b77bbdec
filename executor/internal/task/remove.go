package task

import (
	"context"
	"fmt"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/runtime/restart"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/monitor"
	"github.com/kukeon/kuke/executor/internal/poll"
	"github.com/kukeon/kuke/executor/internal/shim"
	"github.com/kukeon/kuke/executor/internal/snapshot"
)

// Remove kills the task, if there is one, and removes the container with its snapshot. A missing container is no error, and
// Remove then removes a snapshot that it left.
func Remove(ctx context.Context, c *client.Client, ns, id string) error {
	ctx = client.In(ctx, ns)
	if err := removeContainer(ctx, c, id); err != nil {
		return fmt.Errorf("remove container %s: %w", id, err)
	}
	// The snapshot is removed last: a container that lost its snapshot to a kill in between could never be started again.
	return client.Wrap(snapshot.Remove(ctx, c, id), "remove container %s", id)
}

func removeContainer(ctx context.Context, c *client.Client, id string) error {
	ns, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return err
	}
	for range monitor.Retries {
		container, err := c.Containerd.LoadContainer(ctx, id)
		if errdefs.IsNotFound(err) {
			return RemoveOrphaned(ctx, c, ns, id, c.Left.Processes(shim.Task{NS: ns, ID: id}))
		}
		if err != nil {
			return err
		}
		// A task that the monitor starts after this, it starts before the container is removed or not at all. So there is no need
		// to wait.
		monitored, _, err := retire(ctx, c, container, nil, 0, false)
		if err != nil {
			return client.Gone(err)
		}
		err = container.Delete(ctx)
		if !monitored || err != nil && !errdefs.IsFailedPrecondition(err) {
			return client.Gone(err)
		}
		if err == nil {
			if err := reviveOrphaned(ctx, c, container); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("containerd's restart monitor starts it again and again: %w", errdefs.ErrAborted)
}

// reviveOrphaned creates the container again when the monitor was making a task during its removal: containerd ends no task
// of a container that it doesn't have.
func reviveOrphaned(ctx context.Context, c *client.Client, container containerd.Container) error {
	whole := client.Detached(ctx)
	if err := poll.Pause(whole); err != nil {
		return err
	}
	orphaned, err := c.HasTraces(ctx, container.ID())
	if err != nil || !orphaned {
		return err
	}
	record, err := container.Info(ctx, containerd.WithoutRefreshedMetadata)
	if err != nil {
		return err
	}
	delete(record.Labels, restart.StatusLabel)
	_, err = c.Containerd.ContainerService().Create(whole, record)
	return err
}
