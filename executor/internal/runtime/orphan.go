package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/containerd/api/services/tasks/v1"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"

	"github.com/kukeon/kuke/executor/program"
)

// orphanGrace is how long nothing may be seen of whoever makes or removes a task, until what there is of it is taken for
// orphaned. containerd gives a call up at once when its client is killed, but its programs may be in the middle of it: see
// [working].
const orphanGrace = 2 * time.Second

// makingTimeout bounds how long somebody may be taken to be making or removing a task: one that hangs in it doesn't count.
const makingTimeout = time.Minute

// bundlesDir is where containerd's runtime keeps the bundle of each task, below its state directory.
const bundlesDir = "io.containerd.runtime.v2.task"

// runcDir is where runc keeps its state, for the shim of containerd, in a directory for each namespace.
const runcDir = "/run/containerd/runc"

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

// pause waits a moment before one looks again, or returns ctx's error.
func pause(ctx context.Context) error {
	const poll = 50 * time.Millisecond
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(poll):
		return nil
	}
}

// task returns the task of a container, or nil when it has none, and then makes sure that there is nothing of one: a
// client that was killed while its task was made can leave a shim and a process behind that containerd has forgotten,
// but under whose name no task can be made.
func (c *Client) task(ctx context.Context, container containerd.Container) (containerd.Task, error) {
	ns, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return nil, err
	}
	var quiet quietness
	for {
		task, err := container.Task(ctx, nil)
		switch {
		case err == nil:
			return task, nil
		case !errdefs.IsNotFound(err):
			return nil, err
		case !c.hasOrphans(ns, container.ID()):
			return nil, nil
		case quiet.reached(ns, container.ID()):
			return nil, c.removeOrphans(ctx, ns, container.ID())
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
}

// hasOrphans reports whether there are directories or processes of a task, or of one in the making.
func (c *Client) hasOrphans(ns, id string) bool {
	return c.left.hasTraces(ns, id) || len(c.left.processes(taskID{ns, id})) > 0
}

// removeOrphans ends the shim and the process of a task that containerd doesn't know, as containerd itself cleans up after
// a shim that died.
func (c *Client) removeOrphans(ctx context.Context, ns, id string) error {
	bundle := c.left.bundle(taskID{ns, id})
	// If containerd knows the shim at least, it can do all of this.
	_, err := c.c.TaskService().Delete(ctx, &tasks.DeleteTaskRequest{ContainerID: id})
	if err := gone(errgrpc.ToNative(err)); err != nil {
		return fmt.Errorf("remove what is left of its task: %w", err)
	}
	// Those that came since this command first looked as well.
	processes := c.left.now().tasks[taskID{ns, id}]
	shims, err := endProcesses(processes, false)
	if err != nil {
		return err
	}
	if shims {
		// containerd notices and cleans up behind it, by name: a new task of that name has to wait until it is done.
		if err := awaitGone(ctx, ns, id, bundle); err != nil {
			return err
		}
	}
	if err := removeFromRunc(ctx, ns, id); err != nil {
		return err
	}
	// They end with what they read, unless somebody holds that open.
	if err := awaitEnded(ctx, processes); err != nil {
		return err
	}
	if _, err := endProcesses(processes, true); err != nil {
		return err
	}
	return removeBundle(bundle)
}

// removeOrphaned removes what the processes of a task serve, unless they end by themselves: it may have been removed a moment ago.
func (c *Client) removeOrphaned(ctx context.Context, ns, id string, processes []taskProcess) error {
	var quiet quietness
	for slices.ContainsFunc(processes, taskProcess.alive) {
		if quiet.reached(ns, id) {
			return c.removeOrphans(ctx, ns, id)
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
	return nil
}

// endProcesses kills those that are shims, or that write logs, and reports whether there were any.
func endProcesses(processes []taskProcess, writers bool) (any bool, err error) {
	for _, p := range processes {
		if p.writer != writers || !p.alive() {
			continue
		}
		any = true
		if err := syscall.Kill(p.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return any, fmt.Errorf("end process %d, which is left of its task: %w", p.pid, err)
		}
	}
	return any, nil
}

// awaitEnded waits for the end of the processes, for a moment.
func awaitEnded(ctx context.Context, processes []taskProcess) error {
	for end := time.Now().Add(orphanGrace); time.Now().Before(end) && slices.ContainsFunc(processes, taskProcess.alive); {
		if err := pause(ctx); err != nil {
			return err
		}
	}
	return nil
}

func removeFromRunc(ctx context.Context, ns, id string) error {
	out, err := program.Command(ctx, "runc", "--root", filepath.Join(runcDir, ns), "delete", "--force", id).CombinedOutput()
	if err != nil {
		return fmt.Errorf("remove what is left of its task: runc: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// awaitGone returns when the file is gone and those who removed it had a moment to finish, or nobody is at it any more.
func awaitGone(ctx context.Context, ns, id, file string) error {
	var quiet quietness
	for there := true; there && !quiet.reached(ns, id); {
		there = exists(file)
		if err := pause(ctx); err != nil {
			return err
		}
	}
	return nil
}

// quietness tells when nobody has made or removed a task for orphanGrace; of one that hangs in that, after makingTimeout.
// The zero value begins with its first use.
type quietness struct{ begin, last time.Time }

func (q *quietness) reached(ns, id string) bool {
	now := time.Now()
	if q.begin.IsZero() {
		q.begin, q.last = now, now
	}
	if now.Sub(q.begin) < makingTimeout && working(ns, id) {
		q.last = now
	}
	return now.Sub(q.last) > orphanGrace
}

// shimProgram is the shim of all containers.
const shimProgram = "containerd-shim-runc-v2"

// working reports whether one of containerd's programs is making or removing a task of the container: runc, or a shim that
// is being started or that cleans up after another.
func working(ns, id string) bool {
	return len(processes(func(args []string) bool {
		switch filepath.Base(args[0]) {
		case "runc":
			return slices.Contains(args, filepath.Join(runcDir, ns)) && args[len(args)-1] == id
		case shimProgram:
			return isShim(args, ns, id) && passing(args)
		}
		return false
	})) > 0
}

func isShim(args []string, ns, id string) bool {
	return option(args, "-namespace") == ns && option(args, "-id") == id
}

// processes returns the processes whose arguments, of which there is one at least, are wanted.
func processes(wanted func(args []string) bool) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil || !wanted(strings.Split(strings.TrimRight(string(data), "\x00"), "\x00")) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// removeBundle removes the directory of a bundle and the one for its work that it links to.
func removeBundle(bundle string) error {
	if err := syscall.Unmount(filepath.Join(bundle, "rootfs"), syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("unmount the root file system of its orphaned task: %w", err)
	}
	work, err := os.Readlink(filepath.Join(bundle, "work"))
	if err == nil && filepath.Base(work) == filepath.Base(bundle) {
		err = os.RemoveAll(work)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err := errors.Join(err, os.RemoveAll(bundle)); err != nil {
		return fmt.Errorf("remove the bundle of its orphaned task: %w", err)
	}
	return nil
}
