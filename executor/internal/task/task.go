// Package task starts, stops, kills, pauses and removes the tasks of containers, and waits for their ends.
//
// containerd's restart monitor does the same at any moment, see package monitor, and a client that was killed may have left a
// task of which containerd knows nothing: each function gets along with both.
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

// wayTimeout bounds the wait until nothing is in the way of a new task: see inTheWay.
const wayTimeout = time.Minute

// Start makes a task and starts it, with its output appended to the file at logPath. A task that has ended, or was
// never started, is removed first; one that runs is left alone. When it fails, no task is left, save that the restart
// monitor goes on trying, should the container be in its care already.
func Start(ctx context.Context, c *client.Client, ns, id, logPath string) error {
	return client.Wrap(client.Readable(start(client.In(ctx, ns), c, id, monitor.Log{File: logPath})), "start container %s", id)
}

// StartOnce is Start for a container that nobody starts again when it has ended: what writes its log also notes its exit, see
// [logs.ReadExit].
func StartOnce(ctx context.Context, c *client.Client, ns, id, logPath string) error {
	return client.Wrap(client.Readable(start(client.In(ctx, ns), c, id, monitor.Log{File: logPath, NoteExit: true})), "start container %s", id)
}

func start(ctx context.Context, c *client.Client, id string, to monitor.Log) error {
	container, err := c.Containerd.LoadContainer(ctx, id)
	if err != nil {
		return err
	}
	// The shim would make it readable by everyone.
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

// startTask makes a task and starts it, unless one runs, which is no task and no error. After an error there may be one
// that was made.
func startTask(ctx context.Context, c *client.Client, container containerd.Container, to monitor.Log) (task containerd.Task, made bool, err error) {
	log, err := logTo(c, to)
	if err != nil {
		return nil, false, err
	}
	task, running, err := newTask(ctx, c, container, log)
	if running {
		return nil, false, nil
	}
	if err != nil {
		// A call that was cancelled may have been carried out nevertheless.
		return nil, client.CutShort(ctx, err), err
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
	done, waitErr := awaitExit(ctx, exited, KillTimeout)
	if waitErr != nil || !done {
		return errors.Join(err, waitErr)
	}
	return nil
}

// startBesideMonitor starts a task until one runs, the monitor's or its own: whoever was later has ended the other's.
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
			// What somebody starts has all its restarts before it.
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

// cleanUp removes what a failed start left of a task.
func cleanUp(ctx context.Context, c *client.Client, container containerd.Container) error {
	after, cancel := client.Afterwards(ctx)
	defer cancel()
	_, err := endTask(after, c, container, nil, 0)
	return err
}

// newTask makes the task of a container, unless one runs. A client that was killed a moment ago may have left one in the
// making, which containerd then finishes or gives up: until it is done with that the task is neither there nor can be made,
// and what is made meanwhile may be taken away under it.
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

// logTo has what a task prints logged.
func logTo(c *client.Client, to monitor.Log) (cio.Creator, error) {
	uri, err := monitor.LogURI(c, to)
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
