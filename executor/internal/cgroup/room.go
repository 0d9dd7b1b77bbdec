package cgroup

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/config/resource"
)

// MakeRoom makes the kernel reclaim the cgroup's memory above the new memory limit, and refuses a limit below the memory that
// can't be reclaimed: v2 would kill processes until the rest fits, and an update in place must keep them running. A higher
// limit of swap in r is set first, and lowered again on failure. In v1 the kernel does all this itself. The error matches
// [unix.EBUSY].
func (t *Tree) MakeRoom(cgroup string, r *resource.Resources) error {
	if t.mode != V2 || r == nil || r.Memory == 0 || t.dirs["memory"] == "" {
		return nil
	}
	dir := filepath.Join(t.dirs["memory"], cgroup)
	used, err := memoryOf(dir)
	if err != nil || used <= r.Memory {
		return err
	}
	lower, err := t.raiseSwap(dir, r)
	if err != nil {
		return err
	}
	if err := reclaim(cgroup, dir, used, r); err != nil {
		return errors.Join(err, lower())
	}
	return nil
}

// raiseSwap sets the limit of swap in r where that is higher than the present one; lower restores the latter.
func (t *Tree) raiseSwap(dir string, r *resource.Resources) (lower func() error, err error) {
	file, wanted := filepath.Join(dir, swapMax), t.swapSetting(r).value
	data, err := os.ReadFile(file)
	before := strings.TrimSpace(string(data))
	if err != nil || swapBound(wanted) <= swapBound(before) {
		return func() error { return nil }, gone(err)
	}
	return func() error { return write(file, before) }, write(file, wanted)
}

// swapBound parses the limit of swap in v2.
func swapBound(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return math.MaxInt64
	}
	return n
}

func reclaim(cgroup, dir string, used int64, r *resource.Resources) error {
	err := write(filepath.Join(dir, "memory.reclaim"), strconv.FormatInt(used-r.Memory, 10))
	if err == nil {
		return nil
	}
	if !errors.Is(err, unix.EAGAIN) {
		// A kernel before 5.19 can't be asked to reclaim: the reclaimable memory is estimated.
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
		return inUse(cgroup, "memory", strconv.FormatInt(r.Memory, 10), unix.EBUSY)
	}
	return nil
}

func memoryOf(dir string) (int64, error) {
	data, err := os.ReadFile(filepath.Join(dir, "memory.current"))
	return number(strings.TrimSpace(string(data))), gone(err)
}

// gone drops the error of a missing cgroup, which uses no memory.
func gone(err error) error {
	if isGone(err) {
		return nil
	}
	return err
}
