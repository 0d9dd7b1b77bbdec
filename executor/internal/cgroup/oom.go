package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// OOM counts out-of-memory events since the cgroup's creation.
type OOM struct {
	// Kills counts the processes that the kernel killed in the cgroup and below it; v1 counts those of the cgroup alone.
	Kills int64
	// Hits counts the allocations in the cgroup and below it that the cgroup's own limit refused; HitsBelow includes the limits
	// of the cgroups below. v1 counts only, and for the cgroup alone, how often a limit was reached, even if memory could be
	// reclaimed then.
	Hits, HitsBelow int64
}

// OOM reads the counters of the cgroup. They are zero where it is missing, or its memory isn't accounted for.
func (t *Tree) OOM(cgroup string) (OOM, error) {
	if err := checkPath(cgroup); err != nil {
		return OOM{}, err
	}
	var o OOM
	var errs []error
	count := func(file string, parse func(text string)) {
		text, found, err := t.readOf("memory", cgroup, file)
		if found {
			parse(text)
		}
		errs = append(errs, err)
	}
	if t.mode == V2 {
		count("memory.events", func(text string) { o.Kills, o.HitsBelow = field(text, "oom_kill"), field(text, "oom") })
		if o.HitsBelow > 0 {
			count("memory.events.local", func(text string) { o.Hits = field(text, "oom") })
		}
	} else {
		count("memory.oom_control", func(text string) { o.Kills = field(text, "oom_kill") })
		for _, counter := range []string{"memory.", "memory.memsw."} {
			var failed, most, limit int64
			count(counter+"failcnt", func(text string) { failed = number(text) })
			count(counter+"max_usage_in_bytes", func(text string) { most = number(text) })
			count(counter+"limit_in_bytes", func(text string) { limit = number(text) })
			// Newer kernels count no failures of memory and swap together.
			if failed == 0 && limit != 0 && most >= limit {
				failed = 1
			}
			o.Hits += failed
		}
		o.HitsBelow = o.Hits
	}
	if err := errors.Join(errs...); err != nil {
		return OOM{}, fmt.Errorf("read the out-of-memory events of cgroup %s: %w", cgroup, err)
	}
	return o, nil
}

// Processes returns the ids of the processes in the cgroup itself, in the pid namespace of this process; none where it is
// missing.
func (t *Tree) Processes(cgroup string) ([]int, error) {
	if err := checkPath(cgroup); err != nil {
		return nil, err
	}
	for _, dir := range t.own() {
		data, err := os.ReadFile(filepath.Join(dir, cgroup, "cgroup.procs"))
		if errors.Is(err, unix.EOPNOTSUPP) {
			data, err = os.ReadFile(filepath.Join(dir, cgroup, "cgroup.threads"))
		}
		if isGone(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list the processes of cgroup %s: %w", cgroup, err)
		}
		var pids []int
		for line := range strings.FieldsSeq(string(data)) {
			if pid, err := strconv.Atoi(line); err == nil && pid != 0 {
				pids = append(pids, pid)
			}
		}
		return pids, nil
	}
	return nil, nil
}
