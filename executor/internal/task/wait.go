package task

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	eventsapi "github.com/containerd/containerd/api/events"
	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/errdefs"
	"github.com/containerd/typeurl/v2"

	"github.com/kukeon/kuke/executor/internal/client"
)

// exitTimeout limits the wait for the event of an exit once nobody answers for the task any more: containerd publishes it
// as soon as it notices the end of the shim.
const exitTimeout = time.Minute

// Wait waits for the end of the container's task and returns its exit, with a code of 128 plus the number of the signal for
// a task that was ended by a signal. For a task that has ended it returns at once. A container that is missing or has no
// task, not even an ended one, is errdefs.ErrNotFound.
func Wait(ctx context.Context, c *client.Client, ns, id string) (Exit, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	exits := exits(ctx, c, ns, id)
	resp, err := c.Containerd.TaskService().Wait(client.In(ctx, ns), &tasksapi.WaitRequest{ContainerID: id})
	if err == nil {
		return Exit{Code: resp.ExitStatus, At: resp.ExitedAt.AsTime()}, nil
	}
	if err = waitError(ctx, err); ctx.Err() == nil && !errdefs.IsNotFound(err) {
		// The shim may have ended, with a task that another client removed, before it has answered all waiting clients.
		select {
		case exit, told := <-exits:
			if told {
				return exit, nil
			}
		case <-time.After(exitTimeout):
		case <-ctx.Done():
		}
	}
	return Exit{}, fmt.Errorf("wait for container %s: %w", id, err)
}

// exits returns a channel that delivers the exit of the container's task from containerd's events. It is closed then, or
// when ctx ends.
func exits(ctx context.Context, c *client.Client, ns, id string) <-chan Exit {
	exits := make(chan Exit, 1)
	told, failed := c.Containerd.EventService().Subscribe(client.In(ctx, ns), fmt.Sprintf(`topic=="/tasks/exit",namespace==%q`, ns))
	go func() {
		defer close(exits)
		for {
			select {
			case err := <-failed:
				slog.DebugContext(ctx, "no longer told of exits", "failed", err != nil)
				return
			case e := <-told:
				value, err := typeurl.UnmarshalAny(e.Event)
				if exit, ok := value.(*eventsapi.TaskExit); err == nil && ok && exit.ContainerID == id && exit.ID == id {
					exits <- Exit{Code: exit.ExitStatus, At: exit.ExitedAt.AsTime()}
					return
				}
			}
		}
	}()
	return exits
}
