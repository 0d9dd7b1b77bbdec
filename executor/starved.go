package executor

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/docker/go-units"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/task"
	"github.com/kukeon/kuke/planner/state"
)

// The most that runc takes to start a process: its own processes and threads come first and count too, as does the copy of
// itself that runc 1.1.15 keeps in memory.
const (
	startPIDs   = 16
	startMemory = 24 * units.MiB
)

// level is a cgroup that limits a container: its own, or one above.
type level struct {
	name string // for people, with the kind
	// used and limits are in processes and bytes; a limit of 0 is none.
	used, limits map[string]int64
}

// explain names the limit that kept the recorded container, or a command in it, from being started, where err suggests one.
// It reads the limits at once, since their use changes.
func (e *Executor) explain(r *state.Record, err error) error {
	controllers, sure := task.Starved(err)
	if len(controllers) == 0 {
		return err
	}
	levels := e.levelsOf(r)
	for _, controller := range controllers {
		if why := exhausted(levels, controller, sure); why != "" {
			return fmt.Errorf("%s (the runtime says: %w)", why, err)
		}
	}
	return err
}

// levelsOf returns the cgroups of the container and of all resources above it, as far as they can be read.
func (e *Executor) levelsOf(r *state.Record) []level {
	var levels []level
	for p := r.Path; p != ""; p = p.Parent() {
		record := r
		if p != r.Path {
			record = e.store.Record(p)
		}
		if record == nil {
			continue
		}
		name := p.Kind().Lower() + " " + string(p)
		if l, ok := e.levelOf(record.Status.Cgroup, name, resource.ResourcesOf(record.Spec)); ok {
			levels = append(levels, l)
		}
		if above := path.Dir(record.Status.Cgroup); p.Parent() == "" && above != "/" {
			if l, ok := e.levelOf(above, "cgroup "+above, &resource.Resources{}); ok {
				levels = append(levels, l)
			}
		}
	}
	return levels
}

// levelOf reads a cgroup. A missing one, for example that of a container whose start has failed, had the configured limits
// and was empty.
func (e *Executor) levelOf(cgroup, name string, asked *resource.Resources) (level, bool) {
	limits, err := e.cgroups.Limits(cgroup)
	if errors.Is(err, fs.ErrNotExist) {
		limits, err = *asked, nil
	}
	if err != nil {
		return level{}, false
	}
	usage, err := e.cgroups.Usage(cgroup)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return level{}, false
	}
	return level{
		name:   name,
		limits: map[string]int64{"pids": limits.PIDs, "memory": limits.Memory},
		used:   map[string]int64{"pids": max(0, usage.PIDs), "memory": max(0, usage.Memory)},
	}, true
}

// exhausted describes the level whose limit of the controller leaves too little to start a process, or returns "". The
// level with the least room counts; where a limit is sure to be the cause, with any amount of room.
func exhausted(levels []level, controller string, sure bool) string {
	var least *level
	room := func(l *level) int64 { return l.limits[controller] - l.used[controller] }
	for i := range levels {
		if l := &levels[i]; l.limits[controller] > 0 && (least == nil || room(l) < room(least)) {
			least = l
		}
	}
	needed, text := int64(startPIDs), func(n int64) string { return fmt.Sprint(n) }
	if controller == "memory" {
		needed, text = startMemory, func(n int64) string { return units.BytesSize(float64(n)) }
	}
	if least == nil || room(least) >= needed && !sure {
		return ""
	}
	return fmt.Sprintf("the %s limit of %s is too low to start another process: %s of %s in use. Raise resources.%s of %[2]s",
		controller, least.name, text(least.used[controller]), text(least.limits[controller]), controller)
}
