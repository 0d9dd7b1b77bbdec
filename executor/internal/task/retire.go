package task

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/errdefs"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/monitor"
	"github.com/kukeon/kuke/executor/internal/poll"
)

// retire ends the watch of the restart monitor and the task. It reports whether the monitor watched the container, and how
// the task ended. It ends the task again when the monitor, which may have decided before, starts one; settle makes it wait
// for that when the monitor may just have found no running task.
func retire(ctx context.Context, c *client.Client, container containerd.Container, first *syscall.Signal, grace time.Duration, settle bool) (monitored bool, exit Exit, err error) {
	var failed error
	for range monitor.Retries {
		begin := time.Now()
		was, err := monitor.Release(ctx, c, container)
		call := time.Since(begin)
		if err != nil {
			return monitored, exit, err
		}
		monitored = monitored || was
		watch := settle && (!monitored || !runs(ctx, c, container))
		var ended Exit
		if ended, failed = endTask(ctx, c, container, first, grace); exit.At.IsZero() {
			exit = ended
		}
		switch {
		case !monitored:
			return false, exit, failed
		case failed == nil:
			until := time.Now()
			if watch {
				until = monitor.Settled(call)
			}
			if down, err := monitor.StaysDown(ctx, c, container, until); err != nil || down {
				return true, exit, err
			}
		case ctx.Err() != nil || errors.Is(failed, context.DeadlineExceeded):
			return true, exit, failed
		}
		// A task that the monitor has just started needs no grace period.
		first = nil
		if err := poll.Pause(ctx); err != nil {
			return true, exit, err
		}
	}
	if failed == nil {
		failed = fmt.Errorf("containerd's restart monitor starts it again and again: %w", errdefs.ErrAborted)
	}
	return true, exit, failed
}

func runs(ctx context.Context, c *client.Client, container containerd.Container) bool {
	task, err := container.Task(ctx, nil)
	if err != nil {
		return false
	}
	status, err := task.Status(ctx)
	return err == nil && status.Status == containerd.Running
}
