package runtime

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"syscall"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/runtime/restart"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/moby/sys/signal"

	"github.com/kukeon/kuke/planner/state/durable"
)

// killTimeout bounds the wait for a process to go after SIGKILL: one that hangs in the kernel doesn't. A busy host takes many
// seconds to free the memory of a big process, and to tell of its end.
const killTimeout = 2 * time.Minute

// wayTimeout bounds the wait until nothing is in the way of a new task: see inTheWay.
const wayTimeout = time.Minute

// Start makes a task and starts it, with its output appended to the file at logPath. A task that has ended, or was
// never started, is removed first; one that runs is left alone. When it fails, no task is left, save that the restart
// monitor goes on trying, should the container be in its care already.
func (c *Client) Start(ctx context.Context, ns, id, logPath string) error {
	return wrap(readable(c.start(in(ctx, ns), id, taskLog{file: logPath})), "start container %s", id)
}

// StartOnce is Start for a container that nobody starts again when it has ended: what writes its log also notes its exit, see
// [logs.ReadExit].
func (c *Client) StartOnce(ctx context.Context, ns, id, logPath string) error {
	return wrap(readable(c.start(in(ctx, ns), id, taskLog{file: logPath, noteExit: true})), "start container %s", id)
}

// taskLog is where the output of a task goes.
type taskLog struct {
	file string
	// noteExit says that the end of the task is noted beside the file.
	noteExit bool
}

func (c *Client) start(ctx context.Context, id string, to taskLog) error {
	container, err := c.c.LoadContainer(ctx, id)
	if err != nil {
		return err
	}
	// The shim would make it readable by everyone.
	log, err := durable.OpenFile(to.file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return fmt.Errorf("make its log: %w", err)
	}
	if err := log.Close(); err != nil {
		return fmt.Errorf("make its log: %w", err)
	}
	monitored, err := c.meetMonitor(ctx, container, to)
	if err != nil {
		return err
	}
	if monitored {
		return c.startBesideMonitor(ctx, container, to)
	}
	_, made, err := c.startTask(ctx, container, to)
	if made {
		err = errors.Join(err, c.cleanUp(ctx, container))
	}
	return err
}

// startTask makes a task and starts it, unless one runs, which is no task and no error. After an error there may be one
// that was made.
func (c *Client) startTask(ctx context.Context, container containerd.Container, to taskLog) (task containerd.Task, made bool, err error) {
	log, err := c.logTo(to)
	if err != nil {
		return nil, false, err
	}
	task, running, err := c.newTask(ctx, container, log)
	if running {
		return nil, false, nil
	}
	if err != nil {
		// A call that was cancelled may have been carried out nevertheless.
		return nil, cutShort(ctx, err), err
	}
	if err := begin(ctx, task); err != nil {
		return nil, true, err
	}
	return task, false, nil
}

// endedBefore matches the messages of runc and the shim about a task whose process has ended before its start.
var endedBefore = regexp.MustCompile(`cannot start (?:a container that has stopped|a stopped process|an already running container)|container process is already dead`)

// begin starts a task that was made. One whose process has ended meanwhile is no error: it is found stopped, like one that
// ends a moment later. Until the command of the container replaces it, that process is runc's own, and its memory counts
// towards the container's limit: the kernel may kill it after runc has reported the task as made.
func begin(ctx context.Context, task containerd.Task) error {
	err := task.Start(ctx)
	if err == nil || !endedBefore.MatchString(err.Error()) {
		return err
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	exited, waitErr := task.Wait(waiting)
	if waitErr != nil {
		return errors.Join(err, waitErr)
	}
	done, waitErr := awaitExit(ctx, exited, killTimeout)
	if waitErr != nil || !done {
		return errors.Join(err, waitErr)
	}
	return nil
}

// startBesideMonitor starts a task until one runs, the monitor's or its own: whoever was later has ended the other's.
func (c *Client) startBesideMonitor(ctx context.Context, container containerd.Container, to taskLog) error {
	var failed error
	for range monitorRetries {
		task, _, err := c.startTask(ctx, container, to)
		if err == nil && task == nil {
			return nil
		}
		ours := false
		if err == nil {
			ours, err = undisturbed(ctx, task)
		}
		if ours {
			// What somebody starts has all its restarts before it.
			return c.updateLabels(ctx, container.ID(), map[string]string{restart.CountLabel: ""})
		}
		failed = err
		if err := pause(ctx); err != nil {
			failed = errors.Join(failed, err)
			break
		}
	}
	if failed == nil {
		failed = fmt.Errorf("containerd's restart monitor ends it again and again: %w", errdefs.ErrAborted)
	}
	return errors.Join(failed, c.cleanUp(ctx, container))
}

// cleanUp removes what a failed start left of a task.
func (c *Client) cleanUp(ctx context.Context, container containerd.Container) error {
	after, cancel := afterwards(ctx)
	defer cancel()
	_, err := c.endTask(after, container, nil, 0)
	return err
}

// newTask makes the task of a container, unless one runs. A client that was killed a moment ago may have left one in the
// making, which containerd then finishes or gives up: until it is done with that the task is neither there nor can be made,
// and what is made meanwhile may be taken away under it.
func (c *Client) newTask(ctx context.Context, container containerd.Container, output cio.Creator) (task containerd.Task, running bool, err error) {
	ns, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return nil, false, err
	}
	for deadline := time.Now().Add(wayTimeout); ; {
		if running, err = c.clearTask(ctx, container); err != nil || running {
			return nil, running, err
		}
		task, err = container.NewTask(ctx, output)
		if !inTheWay(err) || time.Now().After(deadline) {
			return task, false, err
		}
		c.left.learnFrom(err, taskID{ns, container.ID()})
		if err := pause(ctx); err != nil {
			return nil, false, err
		}
	}
}

// logTo has what a task prints logged.
func (c *Client) logTo(to taskLog) (cio.Creator, error) {
	uri, err := c.logURI(to)
	if err != nil {
		return nil, err
	}
	log, err := url.Parse(uri)
	if err != nil {
		return nil, fmt.Errorf("its log: %w", err)
	}
	return cio.LogURI(log), nil
}

// inTheWay reports whether a new task failed because of what a killed client left, or another one makes. containerd has no
// codes for these: the name or the bundle's directory is taken, the shim's or runc's directory was removed under it, the
// shim itself was taken for the old one and ended.
func inTheWay(err error) bool {
	if err == nil {
		return false
	}
	message := err.Error()
	return errdefs.IsAlreadyExists(err) || strings.HasPrefix(message, "mkdir ") && strings.Contains(message, ": file exists") ||
		strings.Contains(message, "failed to start shim") ||
		strings.Contains(message, "ttrpc: closed") || strings.Contains(message, "log.json: no such file or directory")
}

// clearTask removes a task that doesn't run, and reports whether there is one that does.
func (c *Client) clearTask(ctx context.Context, container containerd.Container) (running bool, err error) {
	task, err := c.task(ctx, container)
	if err != nil || task == nil {
		return false, err
	}
	status, err := task.Status(ctx)
	switch {
	case errdefs.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, err
	case status.Status == containerd.Running:
		return true, nil
	case status.Status == containerd.Paused || status.Status == containerd.Pausing:
		return false, fmt.Errorf("it is %s: %w", status.Status, errdefs.ErrFailedPrecondition)
	}
	_, err = c.endTask(ctx, container, nil, 0)
	return false, err
}

// Exit is how a task ended.
type Exit struct {
	Code uint32
	// At is zero where no task is known to have ended.
	At time.Time
}

// Stop sends the signal, waits for the task to end, kills it when the grace period is over, and removes it. An
// empty signal stands for the one the image asks for, or SIGTERM. A container that is missing or doesn't run is no
// error. It ends the care of the restart monitor: see [Client.SetRestart].
func (c *Client) Stop(ctx context.Context, ns, id, stopSignal string, grace time.Duration) (Exit, error) {
	ctx = in(ctx, ns)
	container, err := c.c.LoadContainer(ctx, id)
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
	_, exit, err := c.retire(ctx, container, &number, grace, true)
	return exit, wrap(readable(gone(err)), "stop container %s", id)
}

// endTask ends the task of the container and removes it, at once with SIGKILL when first is nil. It waits for the exit
// before it deletes: runc, asked to delete what still runs, sleeps 100 ms before it looks.
func (c *Client) endTask(ctx context.Context, container containerd.Container, first *syscall.Signal, grace time.Duration) (Exit, error) {
	task, err := c.task(ctx, container)
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
	if gone(err) != nil {
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
		return gone(err)
	}
	// A frozen process takes no signal.
	if status == containerd.Paused || status == containerd.Pausing {
		if err := task.Resume(ctx); gone(err) != nil {
			return fmt.Errorf("resume it: %w", err)
		}
	}
	if first != nil && grace > 0 && status != containerd.Created {
		if err := task.Kill(ctx, *first); gone(err) != nil {
			return fmt.Errorf("send it %s: %w", signalName(*first), err)
		}
		if done, err := awaitExit(ctx, exited, grace); done || err != nil {
			return err
		}
	}
	// The others of its pid namespace end with it: asking for all of them would only take longer.
	if err := task.Kill(ctx, syscall.SIGKILL); gone(err) != nil {
		return fmt.Errorf("kill it: %w", err)
	}
	done, err := awaitExit(ctx, exited, killTimeout)
	if err == nil && !done {
		err = fmt.Errorf("it is still there %s after SIGKILL: %w", killTimeout, context.DeadlineExceeded)
	}
	return err
}

func awaitExit(ctx context.Context, exited <-chan containerd.ExitStatus, limit time.Duration) (done bool, err error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case status := <-exited:
		return true, gone(waitError(ctx, status.Error()))
	case <-timer.C:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// waitError is what became of waiting for an exit.
func waitError(ctx context.Context, err error) error {
	if cutShort(ctx, err) {
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

// gone returns err unless it says that the process isn't there any more.
func gone(err error) error {
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

func signalName(s syscall.Signal) string {
	for name, number := range signal.SignalMap {
		if number == s {
			return "SIG" + name
		}
	}
	return fmt.Sprintf("signal %d", int(s))
}

// runtimeError shows the part of a runtime's message that is about the container, and is the whole error otherwise.
type runtimeError struct {
	message string
	err     error
}

func (e *runtimeError) Error() string { return e.message }
func (e *runtimeError) Unwrap() error { return e.err }

// runtimePrefix is what the layers between runc and us put before what went wrong.
var runtimePrefix = regexp.MustCompile(`^.*(?:OCI runtime create failed: |OCI runtime start failed: |OCI runtime exec failed: |exec failed: |unable to start container process: |error during container init: )+`)

// readable cuts what the layers between runc and us add to a message; errors of other kinds stay as they are.
func readable(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	prefix := runtimePrefix.FindString(text)
	if prefix == "" {
		return err
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, prefix), ": unknown")
	return &runtimeError{message: text, err: err}
}
