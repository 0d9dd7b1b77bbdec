// Package shim finds the processes of a host that serve the tasks of a containerd: shims, and the programs that write logs.
// It reads /proc and does not ask containerd, which may not know the processes that a killed client left.
package shim

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

	"github.com/kukeon/kuke/executor/internal/poll"
	"github.com/kukeon/kuke/executor/program"
)

// orphanGrace is the time for which no process may be seen that makes or removes a task, until the rest of it counts as
// orphaned. containerd gives a call up at once when its client is killed, but its programs may be in the middle of it: see
// [working].
const orphanGrace = 2 * time.Second

// makingTimeout limits the time for which that process counts: after it, the process is considered to hang.
const makingTimeout = time.Minute

// BundlesDir is the directory with the bundle of each task, below containerd's state directory.
const BundlesDir = "io.containerd.runtime.v2.task"

// runcDir is the directory of runc's state under containerd's shim, with a directory for each namespace.
const runcDir = "/run/containerd/runc"

// Remove ends the shim and the process of a task that containerd does not know, and removes its bundle, as containerd itself
// cleans up after a shim that died.
func (l *Leftovers) Remove(ctx context.Context, of Task) error {
	bundle := l.Bundle(of)
	// This finds processes that started after the first scan of this command too.
	processes := l.Scan().Tasks[of]
	shims, err := endProcesses(processes, false)
	if err != nil {
		return err
	}
	if shims {
		// containerd notices, and cleans up by name: a new task of that name has to wait for the end of that.
		if err := awaitGone(ctx, of.NS, of.ID, bundle); err != nil {
			return err
		}
	}
	if err := removeFromRunc(ctx, of.NS, of.ID); err != nil {
		return err
	}
	// The writers end with the output that they read, unless another process holds it open.
	if err := awaitEnded(ctx, processes); err != nil {
		return err
	}
	if _, err := endProcesses(processes, true); err != nil {
		return err
	}
	return removeBundle(bundle)
}

// endProcesses kills the shims, or the writers of logs, among the processes, and reports whether there were any.
func endProcesses(processes []Process, writers bool) (any bool, err error) {
	for _, p := range processes {
		if p.writer != writers || !p.Alive() {
			continue
		}
		any = true
		if err := syscall.Kill(p.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return any, fmt.Errorf("end process %d of its orphaned task: %w", p.pid, err)
		}
	}
	return any, nil
}

// awaitEnded waits a short time for the end of the processes.
func awaitEnded(ctx context.Context, processes []Process) error {
	for end := time.Now().Add(orphanGrace); time.Now().Before(end) && slices.ContainsFunc(processes, Process.Alive); {
		if err := poll.Pause(ctx); err != nil {
			return err
		}
	}
	return nil
}

// removeFromRunc removes the container of a task from the state of runc, with its processes.
func removeFromRunc(ctx context.Context, ns, id string) error {
	out, err := program.Command(ctx, "runc", "--root", filepath.Join(runcDir, ns), "delete", "--force", id).CombinedOutput()
	if err != nil {
		return fmt.Errorf("remove its orphaned task: runc: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// awaitGone waits until the file is removed, and a moment for those who removed it, or until no process makes or removes
// the task any more.
func awaitGone(ctx context.Context, ns, id, file string) error {
	var quiet Quiet
	for there := true; there && !quiet.Reached(ns, id); {
		there = exists(file)
		if err := poll.Pause(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Quiet measures whether no process has made or removed a task for orphanGrace; a process that hangs in that counts for
// makingTimeout. The zero value begins with its first use.
type Quiet struct{ begin, last time.Time }

// Reached reports whether that time has passed for the task of the container.
func (q *Quiet) Reached(ns, id string) bool {
	now := time.Now()
	if q.begin.IsZero() {
		q.begin, q.last = now, now
	}
	if now.Sub(q.begin) < makingTimeout && working(ns, id) {
		q.last = now
	}
	return now.Sub(q.last) > orphanGrace
}

// Program is the name of the shim of all containers.
const Program = "containerd-shim-runc-v2"

// working reports whether one of containerd's programs is making or removing a task of the container: runc, or a shim that
// is being started or that cleans up after another.
func working(ns, id string) bool {
	return len(processes(func(args []string) bool {
		switch filepath.Base(args[0]) {
		case "runc":
			return slices.Contains(args, filepath.Join(runcDir, ns)) && args[len(args)-1] == id
		case Program:
			return isShim(args, ns, id) && passing(args)
		}
		return false
	})) > 0
}

func isShim(args []string, ns, id string) bool {
	return option(args, "-namespace") == ns && option(args, "-id") == id
}

// processes returns the processes whose arguments, at least one, wanted accepts.
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

// removeBundle removes the directory of a bundle and the work directory that it links to.
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
