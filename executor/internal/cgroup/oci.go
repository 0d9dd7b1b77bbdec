package cgroup

import (
	"fmt"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
)

// ContainerResources returns r for an OCI spec, so that runc gives a container's cgroup the same values as [Tree.SetLimits].
// With reset, a zero field removes the limit, as an update of a running container needs; without it, a zero field is left
// out. A missing controller is the same error as in SetLimits.
//
// In v1 a reset leaves the processors and memory nodes out, see [Tree.Inherit]. In v2 weights are "unified" values: runc's conversion from v1 shares would change them.
func (t *Tree) ContainerResources(r *resource.Resources, reset bool) (*specs.LinuxResources, error) {
	if r == nil {
		r = new(resource.Resources)
	}
	if err := t.checkSupport(t.settings(r)); err != nil {
		return nil, fmt.Errorf("limits of a container: %w", err)
	}
	have := t.Controllers()
	takes := func(controller string, set bool) bool { return (set || reset) && have[controller] }
	out := &specs.LinuxResources{}
	if takes("memory", r.Memory != 0) {
		out.Memory = &specs.LinuxMemory{Limit: orNone(r.Memory)}
		if have[swapController] {
			out.Memory.Swap = ociSwap(r)
		}
	}
	t.reservation(out, r, takes)
	if takes("pids", r.PIDs != 0) {
		out.Pids = &specs.LinuxPids{Limit: orNone(r.PIDs)}
	}
	if takes("cpu", r.CPUs != 0) {
		period := uint64(periodUs)
		out.CPU = &specs.LinuxCPU{Quota: orNone(quota(r.CPUs)), Period: &period}
	}
	if t.mode == V2 {
		t.unified(out, r, takes)
		return out, nil
	}
	if have["cpuset"] && r.CPUSet+r.CPUSetMems != "" {
		if out.CPU == nil {
			out.CPU = &specs.LinuxCPU{}
		}
		out.CPU.Cpus, out.CPU.Mems = r.CPUSet, r.CPUSetMems
	}
	if takes("cpu", r.CPUWeight != 0) {
		if out.CPU == nil {
			out.CPU = &specs.LinuxCPU{}
		}
		value := shares(r.CPUWeight)
		out.CPU.Shares = &value
	}
	if takes("io", r.IOWeight != 0) {
		n, err := strconv.ParseUint(t.weight.format(r.IOWeight), 10, 16)
		if err != nil {
			return nil, fmt.Errorf("ioWeight %d of a container: %w", r.IOWeight, err)
		}
		weight := uint16(n)
		out.BlockIO = &specs.LinuxBlockIO{Weight: &weight}
	}
	return out, nil
}

// reservation sets the reservation of memory in v1; that of v2 is a unified value, which runc takes unchanged.
func (t *Tree) reservation(out *specs.LinuxResources, r *resource.Resources, takes func(string, bool) bool) {
	if t.mode == V1 && takes("memory", r.MemoryReservation != 0) {
		if out.Memory == nil {
			out.Memory = &specs.LinuxMemory{}
		}
		out.Memory.Reservation = orNone(r.MemoryReservation)
	}
}

func (t *Tree) unified(out *specs.LinuxResources, r *resource.Resources, takes func(string, bool) bool) {
	wanted := map[string]bool{
		"memory.low":  takes("memory", r.MemoryReservation != 0),
		"cpuset.cpus": takes("cpuset", r.CPUSet != ""),
		"cpuset.mems": takes("cpuset", r.CPUSetMems != ""),
		"cpu.weight":  takes("cpu", r.CPUWeight != 0),
		t.weight.file: takes("io", r.IOWeight != 0),
	}
	for _, s := range t.settings(r) {
		if !wanted[s.file] {
			continue
		}
		if out.Unified == nil {
			out.Unified = map[string]string{}
		}
		out.Unified[s.file] = s.value
		if s.controller == "cpuset" && s.value == "" {
			out.Unified[s.file] = noCPUSet
		}
	}
}

func orNone(n int64) *int64 {
	if n == 0 {
		n = -1
	}
	return &n
}

// Reduce removes the limits from an OCI spec that this host can't enforce.
func (t *Tree) Reduce(r *specs.LinuxResources) {
	if r == nil {
		return
	}
	have := t.Controllers()
	if !have["memory"] {
		r.Memory = nil
	}
	if !have["cpu"] && !have["cpuset"] {
		r.CPU = nil
	}
	if !have["pids"] {
		r.Pids = nil
	}
	if !have["io"] {
		r.BlockIO = nil
	}
	for file := range r.Unified {
		if controller, _, _ := strings.Cut(file, "."); !have[controller] {
			delete(r.Unified, file)
		}
	}
}
