package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/config/resource"
)

// periodUs is the period of processor quotas in microseconds: the kernel's default.
const periodUs = 100000

// The kernel's default weights, for a cgroup without a limit.
const (
	defaultWeight = 100
	defaultShares = 1024
)

// noCPUSet removes a set in v2: the kernel ignores writes of nothing.
const noCPUSet = "\n"

// setting is one limit in the kernel's form.
type setting struct {
	field      string // of resource.Resources, in manifest spelling
	controller string
	file       string
	value      string
	wanted     bool // whether it sets a limit, or only removes one
}

// SetLimits sets all limits of the cgroup: a zero field removes a limit. A limit whose controller is missing is an error that
// matches [errors.ErrUnsupported], before any limit has been changed.
//
// In v1 the kernel refuses a cpu limit above the parent's or below a child's; in v2 the smaller one holds. A memory limit
// below the unreclaimable memory is refused: by the kernel in v1, by [Tree.MakeRoom] in v2.
func (t *Tree) SetLimits(cgroup string, r *resource.Resources) error {
	if err := checkPath(cgroup); err != nil {
		return err
	}
	settings := t.settings(r)
	if err := t.checkSupport(settings); err != nil {
		return fmt.Errorf("set limits of cgroup %s: %w", cgroup, err)
	}
	if err := t.MakeRoom(cgroup, r); err != nil {
		return err
	}
	settings, err := t.inOrder(cgroup, settings)
	if err != nil {
		return fmt.Errorf("set limits of cgroup %s: %w", cgroup, err)
	}
	for _, s := range settings {
		if !t.Controllers()[s.controller] {
			continue
		}
		value := s.value
		if s.controller == "cpuset" && value == "" {
			if t.mode == V1 {
				continue // the set of the cgroup above stays as it was inherited
			}
			value = noCPUSet
		}
		file := filepath.Join(t.dir(s.controller), cgroup, s.file)
		err := write(file, value)
		switch {
		case errors.Is(err, unix.EINVAL) && s.file == "cpu.cfs_quota_us":
			return fmt.Errorf("set cpus of cgroup %s to %v: cgroup v1 allows no limit above a parent's or below a child's: %w", cgroup, r.CPUs, err)
		case errors.Is(err, unix.EBUSY) && (s.controller == "memory" || s.controller == swapController):
			return inUse(cgroup, s.field, s.value, err)
		case err != nil:
			return fmt.Errorf("set %s of cgroup %s: %w", s.field, cgroup, err)
		}
	}
	return nil
}

func (t *Tree) checkSupport(settings []setting) error {
	if t.lenient {
		return nil
	}
	var errs []error
	for _, s := range settings {
		if s.wanted && !t.Controllers()[s.controller] {
			if s.controller == swapController {
				errs = append(errs, fmt.Errorf("%s requires a kernel that accounts for swap, and this host's does not (cgroup %s): %w", s.field, t.mode, errors.ErrUnsupported))
				continue
			}
			errs = append(errs, fmt.Errorf("%s requires the controller %q, which this host does not offer (cgroup %s): %w", s.field, s.controller, t.mode, errors.ErrUnsupported))
		}
	}
	return errors.Join(errs...)
}

func (t *Tree) dir(controller string) string {
	switch {
	case controller == "io" && t.mode == V1:
		controller = "blkio"
	case controller == swapController:
		controller = "memory"
	}
	return t.dirs[controller]
}

// settings translates r for the layout of this host.
func (t *Tree) settings(r *resource.Resources) []setting {
	if r == nil {
		r = new(resource.Resources)
	}
	cpus, mems := setting{"cpuset", "cpuset", "cpuset.cpus", r.CPUSet, r.CPUSet != ""}, setting{"cpusetMems", "cpuset", "cpuset.mems", r.CPUSetMems, r.CPUSetMems != ""}
	pids := setting{"pids", "pids", "pids.max", maxOr(r.PIDs, "max"), r.PIDs != 0}
	io := setting{"ioWeight", "io", t.weight.file, t.weight.format(r.IOWeight), r.IOWeight != 0}
	if t.mode == V2 {
		weight := int64(defaultWeight)
		if r.CPUWeight != 0 {
			weight = r.CPUWeight
		}
		return []setting{
			{"memory", "memory", "memory.max", maxOr(r.Memory, "max"), r.Memory != 0},
			{"memoryReservation", "memory", "memory.low", strconv.FormatInt(r.MemoryReservation, 10), r.MemoryReservation != 0},
			t.swapSetting(r), cpus, mems,
			{"cpus", "cpu", "cpu.max", maxOr(quota(r.CPUs), "max") + " " + strconv.Itoa(periodUs), r.CPUs != 0},
			{"cpuWeight", "cpu", "cpu.weight", strconv.FormatInt(weight, 10), r.CPUWeight != 0},
			pids, io,
		}
	}
	return []setting{
		{"memory", "memory", "memory.limit_in_bytes", maxOr(r.Memory, "-1"), r.Memory != 0},
		{"memoryReservation", "memory", "memory.soft_limit_in_bytes", maxOr(r.MemoryReservation, "-1"), r.MemoryReservation != 0},
		t.swapSetting(r), cpus, mems,
		{"cpus", "cpu", "cpu.cfs_period_us", strconv.Itoa(periodUs), r.CPUs != 0},
		{"cpus", "cpu", "cpu.cfs_quota_us", maxOr(quota(r.CPUs), "-1"), r.CPUs != 0},
		{"cpuWeight", "cpu", "cpu.shares", strconv.FormatUint(shares(r.CPUWeight), 10), r.CPUWeight != 0},
		pids, io,
	}
}

func maxOr(n int64, none string) string {
	if n == 0 {
		return none
	}
	return strconv.FormatInt(n, 10)
}

// quota returns the microseconds per period that make cpus processors, 0 for no limit.
func quota(cpus float64) int64 { return int64(math.Round(cpus * periodUs)) }

// shares turns a v2 weight into v1 shares as the kernel does: 100 is 1024, and the proportion
// between two siblings stays the same in both layouts. (runc's conversion would make an explicit 100
// two and a half times the default.) Every weight from 1 to 10000 survives the way there and back.
func shares(weight int64) uint64 {
	if weight == 0 {
		return defaultShares
	}
	return uint64(math.Round(float64(weight) * defaultShares / defaultWeight))
}

func weightOfShares(shares int64) int64 {
	weight := int64(math.Round(float64(shares) * defaultWeight / defaultShares))
	return min(max(weight, 1), 10000)
}

// Limits returns the limits of the cgroup in the kernel. The kernel's default is zero, and so is a limit whose controller
// another program has removed, which v2 allows: the cgroup then has no file for the limit, and no limit.
// The error matches [fs.ErrNotExist] when the cgroup is missing.
func (t *Tree) Limits(cgroup string) (resource.Resources, error) {
	var r resource.Resources
	exists, err := t.Exists(cgroup)
	if err == nil && !exists {
		err = fs.ErrNotExist
	}
	if err != nil {
		return r, fmt.Errorf("read limits of cgroup %s: %w", cgroup, err)
	}
	missing := false
	read := func(controller, file string) string {
		if err != nil || !t.Controllers()[controller] {
			return ""
		}
		var data []byte
		data, err = os.ReadFile(filepath.Join(t.dir(controller), cgroup, file))
		if isGone(err) {
			missing, err = true, nil
		}
		return strings.TrimSpace(string(data))
	}
	r.PIDs = number(read("pids", "pids.max"))
	r.IOWeight = t.weight.parse(read("io", t.weight.file))
	r.CPUSet = t.ownSet(cgroup, "cpuset.cpus", read("cpuset", "cpuset.cpus"))
	r.CPUSetMems = t.ownSet(cgroup, "cpuset.mems", read("cpuset", "cpuset.mems"))
	if t.mode == V2 {
		r.Memory = number(read("memory", "memory.max"))
		r.MemorySwap = t.together(r.Memory, read(swapController, swapMax))
		r.MemoryReservation = number(read("memory", "memory.low"))
		quota, period, _ := strings.Cut(read("cpu", "cpu.max"), " ")
		r.CPUs = ratio(number(quota), number(period))
		r.CPUWeight = withoutDefault(number(read("cpu", "cpu.weight")))
	} else {
		r.Memory = number(read("memory", "memory.limit_in_bytes"))
		r.MemorySwap = t.together(r.Memory, read(swapController, memswLimit))
		r.MemoryReservation = number(read("memory", "memory.soft_limit_in_bytes"))
		r.CPUs = ratio(number(read("cpu", "cpu.cfs_quota_us")), number(read("cpu", "cpu.cfs_period_us")))
		if s := number(read("cpu", "cpu.shares")); s != 0 {
			r.CPUWeight = withoutDefault(weightOfShares(s))
		}
	}
	if missing && err == nil {
		// Unless the cgroup was removed meanwhile.
		if exists, err = t.Exists(cgroup); err == nil && !exists {
			err = fs.ErrNotExist
		}
	}
	if err != nil {
		return resource.Resources{}, fmt.Errorf("read limits of cgroup %s: %w", cgroup, err)
	}
	return r, nil
}

// number returns the limit that s states: 0 for none, whether spelled "max", -1 or as the largest multiple
// of the page size.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n >= math.MaxInt64-int64(os.Getpagesize()) {
		return 0
	}
	return n
}

func ratio(quota, period int64) float64 {
	if quota == 0 || period == 0 {
		return 0
	}
	return float64(quota) / float64(period)
}

func withoutDefault(weight int64) int64 {
	if weight == defaultWeight {
		return 0
	}
	return weight
}

// Canonical returns the result of [Tree.Limits] after [Tree.SetLimits] of r, save for CPU sets in v1, which depend on the cgroup
// above. Memory and the limit with swap are rounded down
// to whole pages; cpus to 1/100000; the kernel's default weight becomes zero; io weights above 100 are coarser where the
// kernel's range ends at 1000; and a limit without a controller on this host becomes zero.
func (t *Tree) Canonical(r resource.Resources) resource.Resources {
	have := t.Controllers()
	var c resource.Resources
	if have["memory"] {
		c.MemoryReservation = wholePages(r.MemoryReservation)
		c.Memory = number(strconv.FormatInt(wholePages(r.Memory), 10))
	}
	if have[swapController] {
		c.MemorySwap = t.together(c.Memory, t.swapSetting(&r).value)
	}
	if have["cpu"] {
		c.CPUs = ratio(quota(r.CPUs), periodUs)
		c.CPUWeight = withoutDefault(r.CPUWeight)
	}
	if have["cpuset"] && t.mode == V2 {
		c.CPUSet, c.CPUSetMems = r.CPUSet, r.CPUSetMems
	}
	if have["pids"] {
		c.PIDs = r.PIDs
	}
	if have["io"] {
		c.IOWeight = t.weight.parse(t.weight.format(r.IOWeight))
	}
	return c
}
