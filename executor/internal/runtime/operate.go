package runtime

import (
	"context"
	"fmt"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/errdefs"
	"github.com/moby/sys/signal"
)

// Kill sends the signal to the first process of the container. With down the container is taken out of the restart
// monitor's care and waited for until it has ended, and its task stays. A container that doesn't run is
// errdefs.ErrNotFound or errdefs.ErrFailedPrecondition.
func (c *Client) Kill(ctx context.Context, ns, id, signalName string, down bool) (Exit, error) {
	exit, err := c.kill(in(ctx, ns), id, signalName, down)
	return exit, wrap(readable(err), "kill container %s", id)
}

func (c *Client) kill(ctx context.Context, id, signalName string, down bool) (Exit, error) {
	number, err := signal.ParseSignal(signalName)
	if err != nil {
		return Exit{}, fmt.Errorf("%w: %w", err, errdefs.ErrInvalidArgument)
	}
	container, err := c.c.LoadContainer(ctx, id)
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
	for range monitorRetries {
		monitored, err := c.release(ctx, container)
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
		// The monitor may have decided to start it again before it was released.
		again, err := c.runsAgain(ctx, container, monitored)
		if err != nil {
			return Exit{}, err
		}
		if !again {
			status, err = task.Status(ctx)
			return Exit{Code: status.ExitStatus, At: status.ExitTime}, gone(err)
		}
	}
	return Exit{}, fmt.Errorf("containerd's restart monitor starts it again and again: %w", errdefs.ErrAborted)
}

// killGrace is how long a container may take to end by a signal that is to end it, before it gets SIGKILL.
const killGrace = 15 * time.Second

// runsAgain reports whether the monitor starts a container that has just ended.
func (c *Client) runsAgain(ctx context.Context, container containerd.Container, monitored bool) (bool, error) {
	var end time.Time
	for monitored && (end.IsZero() || time.Now().Before(end)) {
		begin := time.Now()
		if c.runs(ctx, container) {
			return true, nil
		}
		if end.IsZero() {
			end = settled(time.Since(begin))
		}
		if err := pause(ctx); err != nil {
			return false, err
		}
	}
	return false, nil
}

// pauseTimeout bounds how long the processes of a container may take to freeze: one that hangs in the kernel doesn't.
const pauseTimeout = 2 * time.Minute

// Pause freezes all processes of the container. One that is paused already is no error.
func (c *Client) Pause(ctx context.Context, ns, id string) error {
	return c.freeze(in(ctx, ns), id, "pause", containerd.Paused, containerd.Task.Pause)
}

// Resume lets the processes of a paused container go on. One that runs is no error.
func (c *Client) Resume(ctx context.Context, ns, id string) error {
	return c.freeze(in(ctx, ns), id, "unpause", containerd.Running, containerd.Task.Resume)
}

func (c *Client) freeze(ctx context.Context, id, what string, want containerd.ProcessStatus, do func(containerd.Task, context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, pauseTimeout)
	defer cancel()
	container, err := c.c.LoadContainer(ctx, id)
	if err != nil {
		return fmt.Errorf("%s container %s: %w", what, id, err)
	}
	task, err := container.Task(ctx, nil)
	if err != nil {
		return fmt.Errorf("%s container %s: %w", what, id, err)
	}
	if status, err := task.Status(ctx); err == nil && status.Status == want {
		return nil
	}
	return wrap(readable(do(task, ctx)), "%s container %s", what, id)
}
