package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/config/realm"
)

// MakeRoom has the kernel reclaim what the cgroup holds above the memory limit that it is to get, and refuses a limit
// that more is in use of than can be reclaimed: v2 would kill what is in the cgroup until it is below, and a change in
// place is to leave it running. In v1 the kernel does all that itself. The error matches [unix.EBUSY].
func (t *Tree) MakeRoom(cgroup string, r *realm.Resources) error {
	if t.mode != V2 || r == nil || r.Memory == 0 || t.dirs["memory"] == "" {
		return nil
	}
	dir := filepath.Join(t.dirs["memory"], cgroup)
	used, err := memoryOf(dir)
	if err != nil || used <= r.Memory {
		return err
	}
	err = write(filepath.Join(dir, "memory.reclaim"), strconv.FormatInt(used-r.Memory, 10))
	if err == nil {
		return nil
	}
	if !errors.Is(err, unix.EAGAIN) {
		// A kernel before 5.19 can't be asked to: what it will find is guessed.
		stat, err := os.ReadFile(filepath.Join(dir, "memory.stat"))
		if err != nil {
			return gone(err)
		}
		for _, name := range []string{"active_file", "inactive_file", "slab_reclaimable"} {
			used -= field(string(stat), name)
		}
	} else if used, err = memoryOf(dir); err != nil {
		return err
	}
	if used > r.Memory {
		return inUse(cgroup, r, unix.EBUSY)
	}
	return nil
}

func memoryOf(dir string) (int64, error) {
	data, err := os.ReadFile(filepath.Join(dir, "memory.current"))
	return number(strings.TrimSpace(string(data))), gone(err)
}

// gone passes over what a cgroup says that isn't there: nothing is in use in it.
func gone(err error) error {
	if isGone(err) {
		return nil
	}
	return err
}

func inUse(cgroup string, r *realm.Resources, err error) error {
	return fmt.Errorf("set memory of cgroup %s to %d: more is in use and can't be reclaimed: %w", cgroup, r.Memory, err)
}
