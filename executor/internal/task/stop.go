package task

import (
	"context"
	"fmt"
	"syscall"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/moby/sys/signal"

	"github.com/kukeon/kuke/executor/internal/client"
)

// KillTimeout limits the wait for the end of a process after SIGKILL: one that hangs in the kernel never ends. A busy host
// takes many seconds to free the memory of a big process and to report its end.
const KillTimeout = 2 * time.Minute

// Exit is the exit of a task.
type Exit struct {
	Code uint32
	// At is the time of the exit; zero where no exit is known.
	At time.Time
}

// Stop sends the signal, waits for the end of the task, kills it when the grace period is over, and removes it. An empty
// signal selects that of the image, or SIGTERM. A container that is missing or doesn't run is no error. The restart monitor
// stops watching the container: see [monitor.Set].
func Stop(ctx context.Context, c *client.Client, ns, id, stopSignal string, grace time.Duration) (Exit, error) {
	ctx = client.In(ctx, ns)
	container, err := c.Containerd.LoadContainer(ctx, id)
	if errdefs.IsNotFound(err) {
		return Exit{}, nil
	}
	if err != nil {
		return Exit{}, fmt.Errorf("stop container %s: %w", id, err)
	}
	number := syscall.SIGTERM
	if stopSignal != "" {
		number, err = signal.ParseSignal(stopSignal)
	} else {
		number, err = containerd.GetStopSignal(ctx, container, number)
	}
	if err != nil {
		return Exit{}, fmt.Errorf("stop container %s: %w", id, err)
	}
	_, exit, err := retire(ctx, c, container, &number, grace, true)
	return exit, client.Wrap(client.Readable(client.Gone(err)), "stop container %s", id)
}

// endTask ends the task of the container and removes it, at once with SIGKILL when first is nil. It waits for the exit
// before it deletes the task: runc sleeps 100 ms before it deletes a running container.
func endTask(ctx context.Context, c *client.Client, container containerd.Container, first *syscall.Signal, grace time.Duration) (Exit, error) {
	task, err := find(ctx, c, container)
	if err != nil || task == nil {
		return Exit{}, err
	}
	status, err := task.Status(ctx)
	if err != nil && !errdefs.IsNotFound(err) {
		return Exit{}, err
	}
	if err == nil && status.Status != containerd.Stopped {
		if err := awaitEnd(ctx, task, status.Status, first, grace); err != nil {
			return Exit{}, err
		}
	}
	ended, err := task.Delete(ctx)
	if client.Gone(err) != nil {
		return Exit{}, fmt.Errorf("remove its task: %w", err)
	}
	if err != nil || ended == nil {
		return Exit{}, nil
	}
	return Exit{Code: ended.ExitCode(), At: ended.ExitTime()}, nil
}

func awaitEnd(ctx context.Context, task containerd.Task, status containerd.ProcessStatus, first *syscall.Signal, grace time.Duration) error {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	exited, err := task.Wait(waiting)
	if err != nil {
		return client.Gone(err)
	}
	// A frozen process receives no signal.
	if status == containerd.Paused || status == containerd.Pausing {
		if err := task.Resume(ctx); client.Gone(err) != nil {
			return fmt.Errorf("resume it: %w", err)
		}
	}
	if first != nil && grace > 0 && status != containerd.Created {
		if err := task.Kill(ctx, *first); client.Gone(err) != nil {
			return fmt.Errorf("send it %s: %w", SignalName(*first), err)
		}
		if done, err := awaitExit(ctx, exited, grace); done || err != nil {
			return err
		}
	}
	// The other processes of its pid namespace end with it. Killing all of them would only take longer.
	if err := task.Kill(ctx, syscall.SIGKILL); client.Gone(err) != nil {
		return fmt.Errorf("kill it: %w", err)
	}
	done, err := awaitExit(ctx, exited, KillTimeout)
	if err == nil && !done {
		err = fmt.Errorf("it is still there %s after SIGKILL: %w", KillTimeout, context.DeadlineExceeded)
	}
	return err
}

func awaitExit(ctx context.Context, exited <-chan containerd.ExitStatus, limit time.Duration) (done bool, err error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case status := <-exited:
		return true, client.Gone(waitError(ctx, status.Error()))
	case <-timer.C:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// waitError returns the error of a wait for an exit: that of ctx, where it has ended.
func waitError(ctx context.Context, err error) error {
	if client.CutShort(ctx, err) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return errgrpc.ToNative(err)
}

// SignalName returns the name of a signal, for example SIGTERM.
func SignalName(s syscall.Signal) string {
	for name, number := range signal.SignalMap {
		if number == s {
			return "SIG" + name
		}
	}
	return fmt.Sprintf("signal %d", int(s))
}
