package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Usage is the usage of a cgroup with all cgroups below it. A field that this host doesn't account for is negative.
type Usage struct {
	// CPU is the processor time since the cgroup's creation.
	CPU time.Duration
	// Memory is in bytes, the page cache included; Swap is in bytes; PIDs counts processes and threads.
	Memory, Swap, PIDs int64
}

// Usage reads the usage of the cgroup. The error matches [fs.ErrNotExist] when it is missing.
func (t *Tree) Usage(cgroup string) (Usage, error) {
	exists, err := t.Exists(cgroup)
	if err == nil && !exists {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Usage{}, fmt.Errorf("read usage of cgroup %s: %w", cgroup, err)
	}
	u := Usage{CPU: -1, Memory: -1, Swap: -1, PIDs: -1}
	set := func(into *int64, controller, file string) {
		text, found, readErr := t.readOf(controller, cgroup, file)
		if found {
			*into = max(0, number(text))
		}
		err = errors.Join(err, readErr)
	}
	set(&u.PIDs, "pids", "pids.current")
	if t.mode == V2 {
		set(&u.Memory, "memory", "memory.current")
		set(&u.Swap, swapController, "memory.swap.current")
		// The processor time is accounted for even without a controller.
		text, found, readErr := t.readOf("", cgroup, "cpu.stat")
		if found {
			u.CPU = time.Duration(field(text, "usage_usec")) * time.Microsecond
		}
		err = errors.Join(err, readErr)
	} else {
		set(&u.Memory, "memory", "memory.usage_in_bytes")
		set((*int64)(&u.CPU), "cpuacct", "cpuacct.usage")
		set(&u.Swap, swapController, "memory.memsw.usage_in_bytes")
		if u.Swap >= 0 {
			u.Swap = max(0, u.Swap-u.Memory) // v1 counts both together
		}
	}
	if err != nil {
		return Usage{}, fmt.Errorf("read usage of cgroup %s: %w", cgroup, err)
	}
	return u, nil
}

// Pressing returns the memory in bytes that the kernel can't drop: that of processes, without the cache of files. It is negative
// where this host doesn't account for memory. The error matches [fs.ErrNotExist] when the cgroup is missing.
func (t *Tree) Pressing(cgroup string) (int64, error) {
	u, err := t.Usage(cgroup)
	if err != nil || u.Memory < 0 {
		return u.Memory, err
	}
	prefix := ""
	if t.mode != V2 {
		prefix = "total_" // with the cgroups below
	}
	text, _, err := t.readOf("memory", cgroup, "memory.stat")
	if err != nil {
		return 0, fmt.Errorf("read usage of cgroup %s: %w", cgroup, err)
	}
	return max(0, u.Memory-field(text, prefix+"active_file")-field(text, prefix+"inactive_file")), nil
}

// readOf reads a file of the cgroup, where this host has it. An empty controller means the hierarchy of cgroup v2.
func (t *Tree) readOf(controller, cgroup, file string) (text string, found bool, err error) {
	dir := t.dir(controller)
	if controller == "" {
		dir = t.root
	}
	if dir == "" {
		return "", false, nil
	}
	data, err := os.ReadFile(filepath.Join(dir, cgroup, file))
	// A cgroup may be removed while its files are read.
	if isGone(err) {
		return "", false, nil
	}
	return strings.TrimSpace(string(data)), err == nil, err
}

// field returns the number behind a name in a file of names and numbers.
func field(text, name string) int64 {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return number(strings.TrimSpace(value))
		}
	}
	return 0
}
