package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The kernel lets go of a cgroup a moment after its last process has been reaped.
const (
	busyTries = 50
	busyPause = 10 * time.Millisecond
)

// Remove takes away the cgroup and those below it, in every hierarchy; one that is gone already is no error.
// Where processes are left in any of them, nothing is removed and the error says how many.
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

// awaitEmpty returns an error when processes stay in one of dirs: one that was killed needs a moment to leave.
func awaitEmpty(hierarchy string, dirs []string) error {
	for _, dir := range dirs {
		for try := 1; ; try++ {
			data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
			if errors.Is(err, unix.EOPNOTSUPP) {
				// A threaded one, which runc makes below a cgroup with processes.
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
			if try == busyTries {
				return fmt.Errorf("%d processes are still in %s, the first with pid %s: %w", len(pids), strings.TrimPrefix(dir, hierarchy), pids[0], unix.EBUSY)
			}
			time.Sleep(busyPause)
		}
	}
	return nil
}

func rmdir(dir string) error {
	for try := 1; ; try++ {
		err := os.Remove(dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || try == busyTries {
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
