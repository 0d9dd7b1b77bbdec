package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// busyPause is the interval of checks of a cgroup in use.
	busyPause = 10 * time.Millisecond
	// busyTries limits the wait for processes without a pending SIGKILL, which may still get it from the end of their pid
	// namespace.
	busyTries = 50
	// leavingTimeout limits the wait for exiting processes, and for the kernel, which releases a cgroup a moment after its last
	// process has been reaped.
	leavingTimeout = time.Minute
)

// Remove removes the cgroup and those below it, in every hierarchy; a missing one is no error. Where processes are left in
// any of them, no cgroup is removed and the error says how many.
func (t *Tree) Remove(cgroup string) error {
	if err := checkPath(cgroup); err != nil {
		return err
	}
	for _, hierarchy := range t.hierarchies {
		dirs, err := bottomUp(filepath.Join(hierarchy, cgroup))
		if err != nil {
			return fmt.Errorf("remove cgroup %s: %w", cgroup, err)
		}
		if err := awaitEmpty(hierarchy, dirs); err != nil {
			return fmt.Errorf("remove cgroup %s: %w", cgroup, err)
		}
	}
	for _, hierarchy := range t.hierarchies {
		dirs, err := bottomUp(filepath.Join(hierarchy, cgroup))
		if err != nil {
			return fmt.Errorf("remove cgroup %s: %w", cgroup, err)
		}
		for _, dir := range dirs {
			if err := rmdir(dir); err != nil {
				return fmt.Errorf("remove cgroup %s: %w", cgroup, err)
			}
		}
	}
	return nil
}

// bottomUp returns dir and the directories below it, children first; none when dir is missing.
func bottomUp(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if isGone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		below, err := bottomUp(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, below...)
	}
	return append(dirs, dir), nil
}

// awaitEmpty returns an error when processes stay in one of dirs: a killed process needs a moment to leave.
func awaitEmpty(hierarchy string, dirs []string) error {
	end := time.Now().Add(leavingTimeout)
	for _, dir := range dirs {
		for try := 1; ; try++ {
			data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
			if errors.Is(err, unix.EOPNOTSUPP) {
				// A threaded cgroup, which runc creates below a cgroup with processes.
				data, err = os.ReadFile(filepath.Join(dir, "cgroup.threads"))
			}
			if isGone(err) {
				break
			}
			if err != nil {
				return err
			}
			pids := strings.Fields(string(data))
			if len(pids) == 0 {
				break
			}
			if try >= busyTries && (time.Now().After(end) || slices.ContainsFunc(pids, stays)) {
				return fmt.Errorf("%d processes are still in %s, the first with pid %s: %w", len(pids), strings.TrimPrefix(dir, hierarchy), pids[0], unix.EBUSY)
			}
			time.Sleep(busyPause)
		}
	}
	return nil
}

// stays reports whether a process or a thread is not about to end: it has no pending SIGKILL, and is not exiting already,
// which takes a while on a busy host.
func stays(pid string) bool {
	dir := filepath.Join("/proc", pid)
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return false
	}
	// The name before the ")" may hold anything.
	const state, flags, exiting = 0, 6, 0x4 // PF_EXITING of the kernel
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) <= flags || strings.ContainsAny(fields[state], "ZX") {
		return false
	}
	if bits, err := strconv.ParseUint(fields[flags], 10, 64); err == nil && bits&exiting != 0 {
		return false
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		if name != "SigPnd" && name != "ShdPnd" {
			continue
		}
		pending, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err == nil && pending&(1<<(unix.SIGKILL-1)) != 0 {
			return false
		}
	}
	return true
}

func rmdir(dir string) error {
	for end := time.Now().Add(leavingTimeout); ; {
		err := os.Remove(dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(end) {
			return err
		}
		time.Sleep(busyPause)
	}
}

func sortedKeys(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
