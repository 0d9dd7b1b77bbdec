package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kukeon/kuke/config/resource"
)

// swapController is the name of the limit of swap in [Tree.Controllers]. It is a part of the memory controller that a kernel
// may have been built or booted without.
const swapController = "swap"

// The files that limit swap: alone in v2, together with memory in v1.
const (
	swapMax    = "memory.swap.max"
	memswLimit = "memory.memsw.limit_in_bytes"
)

// accountsSwap reports whether the cgroups of this host have files that limit swap.
func (t *Tree) accountsSwap() bool {
	dir := t.dirs["memory"]
	if dir == "" {
		return false
	}
	if t.mode == V1 {
		_, err := os.Stat(filepath.Join(dir, memswLimit))
		return err == nil
	}
	if known := t.swap.Load(); known != nil {
		return *known
	}
	// The root of the hierarchy never has this file.
	entries, _ := os.ReadDir(dir)
	candidates := []string{dir}
	for _, e := range entries {
		if e.IsDir() {
			candidates = append(candidates, filepath.Join(dir, e.Name()))
		}
	}
	for _, candidate := range candidates {
		if _, err := os.Stat(filepath.Join(candidate, "memory.max")); err != nil {
			continue
		}
		_, err := os.Stat(filepath.Join(candidate, swapMax))
		accounts := err == nil
		t.swap.Store(&accounts)
		return accounts
	}
	return kernelAccountsSwap()
}

// kernelAccountsSwap reports whether the kernel was built and booted to account for swap, for hosts where no cgroup with the
// memory controller shows it.
func kernelAccountsSwap() bool {
	if _, err := os.Stat("/proc/swaps"); err != nil {
		return false
	}
	cmdline, err := os.ReadFile("/proc/cmdline")
	return err == nil && !slices.Contains(strings.Fields(string(cmdline)), "swapaccount=0")
}

// wholePages rounds a number of bytes down, as the kernel does.
func wholePages(n int64) int64 {
	page := int64(os.Getpagesize())
	return n / page * page
}

// swapOf returns the limit of swap alone in r, in whole pages, or [resource.Unlimited].
func swapOf(r *resource.Resources) int64 {
	whole := resource.Resources{Memory: wholePages(r.Memory), MemorySwap: r.MemorySwap}
	if r.MemorySwap != resource.Unlimited {
		whole.MemorySwap = wholePages(r.MemorySwap)
	}
	return whole.Swap()
}

// swapSetting limits swap as r says. Only an explicit limit has to be in force: the default is dropped where the host has no
// file for it.
func (t *Tree) swapSetting(r *resource.Resources) setting {
	s := setting{"memorySwap", swapController, swapMax, "max", r.MemorySwap > 0}
	swap, memory := swapOf(r), wholePages(r.Memory)
	if t.mode == V1 {
		s.file, s.value = memswLimit, "-1"
	}
	switch {
	case swap == resource.Unlimited || swap > math.MaxInt64-memory:
	case t.mode == V1:
		s.value = strconv.FormatInt(memory+swap, 10)
	default:
		s.value = strconv.FormatInt(swap, 10)
	}
	return s
}

// together returns the limit of memory and swap together in the file of swap, given the limit of memory: 0 where neither has
// a limit, and where swap isn't accounted for; [resource.Unlimited] where memory alone has one. A limit of swap alone, which
// kuke never sets, is returned itself; where that is zero, as one byte.
func (t *Tree) together(memory int64, text string) int64 {
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	total := n
	if t.mode == V2 {
		total += memory
	}
	switch {
	case err == nil && n >= 0 && n < math.MaxInt64-int64(os.Getpagesize())-memory:
		return max(1, total)
	case memory == 0:
		return 0
	}
	return resource.Unlimited
}

// inOrder returns the settings in the order that the kernel accepts: in v1 the limit of memory may at no moment be above that
// of memory and swap together.
func (t *Tree) inOrder(cgroup string, settings []setting) ([]setting, error) {
	if t.mode != V1 || !t.accountsSwap() {
		return settings, nil
	}
	data, err := os.ReadFile(filepath.Join(t.dir(swapController), cgroup, memswLimit))
	if errors.Is(err, fs.ErrNotExist) {
		return settings, nil // writing it returns the error
	}
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(settings, func(s setting) bool { return s.controller == swapController })
	if at < 0 || !raises(strings.TrimSpace(string(data)), settings[at].value) {
		return settings, nil
	}
	swap := settings[at]
	return slices.Insert(slices.Delete(settings, at, at+1), 0, swap), nil
}

// raises reports whether the limit that the text to states is at least as high as that of from.
func raises(from, to string) bool {
	before, after := number(from), number(to)
	return after == 0 || before != 0 && after >= before
}

// ociSwap returns the limit of memory and swap together for an OCI spec, which combines both in v2 as well.
func ociSwap(r *resource.Resources) *int64 {
	swap := swapOf(r)
	total := int64(resource.Unlimited)
	if swap != resource.Unlimited && swap <= math.MaxInt64-r.Memory {
		total = r.Memory + swap
	}
	return &total
}

func inUse(cgroup, field, value string, err error) error {
	reason := "more is in use and can't be reclaimed"
	if field == "memorySwap" {
		reason = "more memory and swap together is in use. Raise the limit, or restart the containers in it"
	}
	return fmt.Errorf("set %s of cgroup %s to %s: %s: %w", field, cgroup, value, reason, err)
}
