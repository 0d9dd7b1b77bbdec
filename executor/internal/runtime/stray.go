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

// strayGrace is how long nothing may be seen of whoever makes or removes a task, until what there is of it is taken for a
// stray. containerd gives a call up at once when its client is killed, but its programs may be in the middle of it: see
// [working].
const strayGrace = 2 * time.Second

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
	traces := c.traces(ns, container.ID())
	var quiet quietness
	for {
		task, err := container.Task(ctx, nil)
		switch {
		case err == nil:
			return task, nil
		case !errdefs.IsNotFound(err):
			return nil, err
		case !slices.ContainsFunc(traces, exists):
			return nil, nil
		case quiet.reached(ns, container.ID()):
			return nil, c.removeStray(ctx, ns, container.ID(), traces[0])
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
}

// removeStray ends the shim and the process of a task that containerd doesn't know, as containerd itself cleans up after
// a shim that died.
func (c *Client) removeStray(ctx context.Context, ns, id, bundle string) error {
	// If containerd knows the shim at least, it can do all of this.
	_, err := c.c.TaskService().Delete(ctx, &tasks.DeleteTaskRequest{ContainerID: id})
	if err := gone(errgrpc.ToNative(err)); err != nil {
		return fmt.Errorf("remove what is left of its task: %w", err)
	}
	shims := findShims(ns, id)
	for _, pid := range shims {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("end its stray shim, pid %d: %w", pid, err)
		}
	}
	if len(shims) > 0 {
		// containerd notices and cleans up behind it, by name: a new task of that name has to wait until it is done.
		if err := awaitGone(ctx, ns, id, bundle); err != nil {
			return err
		}
	}
	out, err := program.Command(ctx, "runc", "--root", filepath.Join(runcDir, ns), "delete", "--force", id).CombinedOutput()
	if err != nil {
		return fmt.Errorf("remove what is left of its task: runc: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return removeBundle(bundle)
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

// quietness tells when nobody has made or removed a task for strayGrace; of one that hangs in that, after wayTimeout. The
// zero value begins with its first use.
type quietness struct{ begin, last time.Time }

func (q *quietness) reached(ns, id string) bool {
	now := time.Now()
	if q.begin.IsZero() {
		q.begin, q.last = now, now
	}
	if now.Sub(q.begin) < wayTimeout && working(ns, id) {
		q.last = now
	}
	return now.Sub(q.last) > strayGrace
}

// shimProgram is the shim of [runtimeName].
const shimProgram = "containerd-shim-runc-v2"

// working reports whether one of containerd's programs is making or removing a task of the container: runc, or a shim that
// is being started or that cleans up after another.
func working(ns, id string) bool {
	return len(processes(func(args []string) bool {
		switch filepath.Base(args[0]) {
		case "runc":
			return slices.Contains(args, filepath.Join(runcDir, ns)) && args[len(args)-1] == id
		case shimProgram:
			return isShim(args, ns, id) && (slices.Contains(args, "start") || slices.Contains(args, "delete"))
		}
		return false
	})) > 0
}

// findShims returns the processes of the shim of a container.
func findShims(ns, id string) []int {
	return processes(func(args []string) bool { return filepath.Base(args[0]) == shimProgram && isShim(args, ns, id) })
}

func isShim(args []string, ns, id string) bool {
	return hasOption(args, "-namespace", ns) && hasOption(args, "-id", id)
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

func hasOption(args []string, name, value string) bool {
	i := slices.Index(args, name)
	return i >= 0 && i+1 < len(args) && args[i+1] == value
}

// removeBundle removes the directory of a bundle and the one for its work that it links to.
func removeBundle(bundle string) error {
	if err := syscall.Unmount(filepath.Join(bundle, "rootfs"), syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("unmount the root file system of its stray task: %w", err)
	}
	work, err := os.Readlink(filepath.Join(bundle, "work"))
	if err == nil && filepath.Base(work) == filepath.Base(bundle) {
		err = os.RemoveAll(work)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err := errors.Join(err, os.RemoveAll(bundle)); err != nil {
		return fmt.Errorf("remove the bundle of its stray task: %w", err)
	}
	return nil
}
