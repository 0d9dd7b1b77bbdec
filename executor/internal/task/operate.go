package task

import (
	"context"
	"fmt"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/errdefs"
	"github.com/moby/sys/signal"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/monitor"
	"github.com/kukeon/kuke/executor/internal/poll"
)

// Kill sends the signal to the first process of the container. With down, the restart monitor stops watching the container,
// and Kill waits for its end; its task stays. A container that doesn't run is errdefs.ErrNotFound or
// errdefs.ErrFailedPrecondition.
func Kill(ctx context.Context, c *client.Client, ns, id, signalName string, down bool) (Exit, error) {
	exit, err := kill(client.In(ctx, ns), c, id, signalName, down)
	return exit, client.Wrap(client.Readable(err), "kill container %s", id)
}

func kill(ctx context.Context, c *client.Client, id, signalName string, down bool) (Exit, error) {
	number, err := signal.ParseSignal(signalName)
	if err != nil {
		return Exit{}, fmt.Errorf("%w: %w", err, errdefs.ErrInvalidArgument)
	}
	container, err := c.Containerd.LoadContainer(ctx, id)
	if err != nil {
		return Exit{}, err
	}
	if !down {
		task, err := container.Task(ctx, nil)
		if err != nil {
			return Exit{}, err
		}
		return Exit{}, task.Kill(ctx, number)
	}
	for range monitor.Retries {
		monitored, err := monitor.Release(ctx, c, container)
		if err != nil {
			return Exit{}, err
		}
		task, err := container.Task(ctx, nil)
		if err != nil {
			return Exit{}, err
		}
		status, err := task.Status(ctx)
		if err != nil {
			return Exit{}, err
		}
		if status.Status != containerd.Stopped {
			if err := awaitEnd(ctx, task, status.Status, &number, killGrace); err != nil {
				return Exit{}, err
			}
		}
		// The monitor may have decided on a restart before it was released.
		again, err := runsAgain(ctx, c, container, monitored)
		if err != nil {
			return Exit{}, err
		}
		if !again {
			status, err = task.Status(ctx)
			return Exit{Code: status.ExitStatus, At: status.ExitTime}, client.Gone(err)
		}
	}
	return Exit{}, fmt.Errorf("containerd's restart monitor starts it again and again: %w", errdefs.ErrAborted)
}

// killGrace is the time that a container has to end after a signal that is meant to end it, before it gets SIGKILL.
const killGrace = 15 * time.Second

// runsAgain reports whether the monitor restarts a container that has just ended.
func runsAgain(ctx context.Context, c *client.Client, container containerd.Container, monitored bool) (bool, error) {
	var end time.Time
	for monitored && (end.IsZero() || time.Now().Before(end)) {
		begin := time.Now()
		if runs(ctx, c, container) {
			return true, nil
		}
		if end.IsZero() {
			end = monitor.Settled(time.Since(begin))
		}
		if err := poll.Pause(ctx); err != nil {
			return false, err
		}
	}
	return false, nil
}

// pauseTimeout limits the time for the processes of a container to freeze: one that hangs in the kernel never does.
const pauseTimeout = 2 * time.Minute

// Pause freezes all processes of the container. A paused container is no error.
func Pause(ctx context.Context, c *client.Client, ns, id string) error {
	return freeze(client.In(ctx, ns), c, id, "pause", containerd.Paused, containerd.Task.Pause)
}

// Resume unfreezes the processes of a paused container. A running container is no error.
func Resume(ctx context.Context, c *client.Client, ns, id string) error {
	return freeze(client.In(ctx, ns), c, id, "unpause", containerd.Running, containerd.Task.Resume)
}

func freeze(ctx context.Context, c *client.Client, id, verb string, want containerd.ProcessStatus, do func(containerd.Task, context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, pauseTimeout)
	defer cancel()
	container, err := c.Containerd.LoadContainer(ctx, id)
	if err != nil {
		return fmt.Errorf("%s container %s: %w", verb, id, err)
	}
	task, err := container.Task(ctx, nil)
	if err != nil {
		return fmt.Errorf("%s container %s: %w", verb, id, err)
	}
	if status, err := task.Status(ctx); err == nil && status.Status == want {
		return nil
	}
	return client.Wrap(client.Readable(do(task, ctx)), "%s container %s", verb, id)
}
