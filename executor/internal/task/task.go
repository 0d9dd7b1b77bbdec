// Package task starts, stops, kills, pauses and removes the tasks of containers, and waits for their exits.
//
// containerd's restart monitor starts tasks at any moment, see package monitor, and a killed client may have left the
// processes of a task that containerd does not know. Each function copes with both.
package task

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/runtime/restart"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/monitor"
	"github.com/kukeon/kuke/executor/internal/poll"
	"github.com/kukeon/kuke/executor/internal/shim"
	"github.com/kukeon/kuke/planner/state/durable"
)

// wayTimeout limits the wait until nothing is in the way of a new task: see inTheWay.
const wayTimeout = time.Minute

// Start makes a task and starts it. Its output is appended to the file at logPath. Start first removes a task that has
// ended or was never started, and does nothing for one that runs. A failed Start leaves no task, except that the restart
// monitor, where it watches the container, keeps trying.
func Start(ctx context.Context, c *client.Client, ns, id, logPath string) error {
	return client.Wrap(client.Readable(start(client.In(ctx, ns), c, id, monitor.Log{File: logPath})), "start container %s", id)
}

// StartOnce is [Start] for a container without restarts: the program that writes its log also notes its exit, see
// [logs.ReadExit].
func StartOnce(ctx context.Context, c *client.Client, ns, id, logPath string) error {
	return client.Wrap(client.Readable(start(client.In(ctx, ns), c, id, monitor.Log{File: logPath, NoteExit: true})), "start container %s", id)
}

func start(ctx context.Context, c *client.Client, id string, to monitor.Log) error {
	container, err := c.Containerd.LoadContainer(ctx, id)
	if err != nil {
		return err
	}
	// The shim would make it world-readable.
	log, err := durable.OpenFile(to.File, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return fmt.Errorf("make its log: %w", err)
	}
	if err := log.Close(); err != nil {
		return fmt.Errorf("make its log: %w", err)
	}
	monitored, err := monitor.Meet(ctx, c, container, to)
	if err != nil {
		return err
	}
	if monitored {
		return startBesideMonitor(ctx, c, container, to)
	}
	_, made, err := startTask(ctx, c, container, to)
	if made {
		err = errors.Join(err, cleanUp(ctx, c, container))
	}
	return err
}

// startTask makes a task and starts it. Where one runs, it returns none, and no error. made reports whether a failed start
// may have left a task.
func startTask(ctx context.Context, c *client.Client, container containerd.Container, to monitor.Log) (task containerd.Task, made bool, err error) {
	log, err := logTo(ctx, c, container, to)
	if err != nil {
		return nil, false, err
	}
	task, running, err := newTask(ctx, c, container, log)
	if running {
		return nil, false, nil
	}
	if err != nil {
		// containerd may have carried out a cancelled call nevertheless.
		return nil, client.CutShort(ctx, err), err
	}
	if err := begin(ctx, task); err != nil {
		return nil, true, err
	}
	return task, false, nil
}

// endedBefore matches the messages of runc and the shim about a task whose process has ended before its start.
var endedBefore = regexp.MustCompile(`cannot start (?:a container that has stopped|a stopped process|an already running container)|container process is already dead`)

// begin starts a task that was made. A process that has ended meanwhile is no error: the task is found stopped, as one that
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
	done, waitErr := awaitExit(ctx, exited, KillTimeout)
	if waitErr != nil || !done {
		return errors.Join(err, waitErr)
	}
	return nil
}

// startBesideMonitor starts tasks until one runs, its own or the monitor's: each may end the task of the other.
func startBesideMonitor(ctx context.Context, c *client.Client, container containerd.Container, to monitor.Log) error {
	var failed error
	for range monitor.Retries {
		task, _, err := startTask(ctx, c, container, to)
		if err == nil && task == nil {
			return nil
		}
		ours := false
		if err == nil {
			ours, err = monitor.Undisturbed(ctx, task)
		}
		if ours {
			// A start by the user resets the count of restarts.
			return c.UpdateLabels(ctx, container.ID(), map[string]string{restart.CountLabel: ""})
		}
		failed = err
		if err := poll.Pause(ctx); err != nil {
			failed = errors.Join(failed, err)
			break
		}
	}
	if failed == nil {
		failed = fmt.Errorf("containerd's restart monitor ends it again and again: %w", errdefs.ErrAborted)
	}
	return errors.Join(failed, cleanUp(ctx, c, container))
}

// cleanUp removes the leftovers of a failed start.
func cleanUp(ctx context.Context, c *client.Client, container containerd.Container) error {
	after, cancel := client.Afterwards(ctx)
	defer cancel()
	_, err := endTask(after, c, container, nil, 0)
	return err
}

// newTask makes the task of a container, unless one runs. A client that was killed a moment ago may have left a task in the
// making, which containerd then finishes or gives up. Until then the task neither exists nor can be made, and containerd
// may remove a new one under the same name.
func newTask(ctx context.Context, c *client.Client, container containerd.Container, output cio.Creator) (task containerd.Task, running bool, err error) {
	ns, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return nil, false, err
	}
	for deadline := time.Now().Add(wayTimeout); ; {
		if running, err = clearTask(ctx, c, container); err != nil || running {
			return nil, running, err
		}
		task, err = container.NewTask(ctx, output)
		if !inTheWay(err) || time.Now().After(deadline) {
			return task, false, err
		}
		c.Left.LearnFrom(err, shim.Task{NS: ns, ID: container.ID()})
		if err := poll.Pause(ctx); err != nil {
			return nil, false, err
		}
	}
}

// logTo returns the log of a task as the client library takes it, for a process with a terminal or without.
func logTo(ctx context.Context, c *client.Client, container containerd.Container, to monitor.Log) (cio.Creator, error) {
	uri, err := monitor.LogURI(c, to)
	if err != nil {
		return nil, err
	}
	log, err := url.Parse(uri)
	if err != nil {
		return nil, fmt.Errorf("its log: %w", err)
	}
	spec, err := container.Spec(ctx)
	if err != nil {
		return nil, err
	}
	if spec.Process != nil && spec.Process.Terminal {
		return cio.TerminalLogURI(log), nil
	}
	return cio.LogURI(log), nil
}

// inTheWay reports whether a new task failed because of the leftovers of a killed client, or of another client that makes
// it. containerd has no codes for these: the name or the bundle's directory is taken, the shim's or runc's directory was
// removed during the call, the shim was mistaken for the old one and ended.
func inTheWay(err error) bool {
	if err == nil {
		return false
	}
	message := err.Error()
	return errdefs.IsAlreadyExists(err) || strings.HasPrefix(message, "mkdir ") && strings.Contains(message, ": file exists") ||
		strings.Contains(message, "failed to start shim") ||
		strings.Contains(message, "ttrpc: closed") || strings.Contains(message, "log.json: no such file or directory")
}

// clearTask removes a task that doesn't run, and reports whether one runs.
func clearTask(ctx context.Context, c *client.Client, container containerd.Container) (running bool, err error) {
	task, err := find(ctx, c, container)
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
	_, err = endTask(ctx, c, container, nil, 0)
	return false, err
}
