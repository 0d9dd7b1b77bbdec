package executor

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/lab"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// A plan is rehearsed in a lab: [Executor.Pack] collects on this host all that the lab needs of it, [Executor.Stage] makes the
// recorded resources in the lab, [Executor.Apply] carries the plan out there, and [Executor.Settle] finds containers that don't
// last. A lab has a root that is root of this host, so that a container which can reach beyond its own namespaces is made there and
// not started.

// harmless are the devices of this host that a container in a lab may use: they hold no data, or belong to its namespaces.
var harmless = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/net/tun", "/dev/fuse"}

// powers are the capabilities by which root of a lab reaches this host. Without the prefix CAP_.
var powers = []string{
	"ALL", "AUDIT_CONTROL", "BPF", "DAC_READ_SEARCH", "MAC_ADMIN", "MAC_OVERRIDE", "PERFMON", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_MODULE", "SYS_RAWIO", "SYS_TIME",
}

// WithheldFrom returns the reason why a container is not started in a lab, or "".
func WithheldFrom(c *resource.Container) string {
	if c.Privileged {
		return "it is privileged, and would have the devices of this host"
	}
	if c.Capabilities != nil {
		for _, name := range c.Capabilities.Add {
			if slices.Contains(powers, strings.TrimPrefix(strings.ToUpper(name), "CAP_")) {
				return "its capability " + name + " reaches this host"
			}
		}
	}
	for _, device := range c.Devices {
		if host := resource.DeviceHostPath(device); !slices.Contains(harmless, host) {
			return "it uses the device " + host + " of this host"
		}
	}
	if slices.Contains(c.SecurityOpts, "systempaths=unconfined") {
		return "it can write to /proc of this host"
	}
	for _, v := range c.Volumes {
		if v.Volume != "" {
			continue // see [Executor.mountsBeyond]
		}
		if source := realPath(existing(v.Source)); !lab.Isolable(source) && (!v.ReadOnly || !within(source, "/proc", "/sys")) && !slices.Contains(harmless, source) {
			return "its volume " + source + " can't be isolated from this host"
		}
	}
	return ""
}

// existing returns the path, or the nearest directory above it that exists: there a missing source of a mount is created.
func existing(path string) string {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && path != "/" {
		return existing(filepath.Dir(path))
	}
	return path
}

// realPath resolves the symbolic links of a path, as far as it exists.
func realPath(path string) string {
	if found, err := filepath.EvalSymlinks(path); err == nil {
		return found
	}
	return filepath.Clean(path)
}

func within(path string, dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") })
}

// withheld reports whether the recorded container is not started, since this host is a lab.
func (e *Executor) withheld(r *state.Record) bool {
	spec := r.Spec.(*resource.Container)
	return e.rehearsal && (WithheldFrom(spec) != "" || e.mountsBeyond(spec) != "")
}

// Differences returns notes, sentences about changes of the plan that this lab can't carry out as the plan's host does.
func (e *Executor) Differences(p *plan.Plan) (notes []string) {
	unlimited := map[string]bool{}
	have := e.cgroups.Controllers()
	for _, c := range p.Changes {
		if c.After == nil {
			continue
		}
		if spec, ok := c.After.Spec.(*resource.Container); ok {
			if why := WithheldFrom(spec); why != "" {
				notes = append(notes, fmt.Sprintf("Container %s is created in the lab, but not started: %s.", c.Path, why))
			}
		}
		for _, controller := range limitsOf(resource.ResourcesOf(c.After.Spec)) {
			unlimited[controller] = !have[controller]
		}
	}
	maps.DeleteFunc(unlimited, func(_ string, missing bool) bool { return !missing })
	if len(unlimited) > 0 {
		names := slices.Sorted(maps.Keys(unlimited))
		notes = append(notes, fmt.Sprintf("Limits of %s have no effect in the lab, which has no cgroup controllers for them.", strings.Join(names, ", ")))
	}
	return notes
}

// limitsOf returns the controllers that the limits take.
func limitsOf(r *resource.Resources) (controllers []string) {
	if r.Memory != 0 || r.MemoryReservation != 0 {
		controllers = append(controllers, "memory")
	}
	if r.CPUs != 0 || r.CPUWeight != 0 {
		controllers = append(controllers, "cpu")
	}
	if r.CPUSet+r.CPUSetMems != "" {
		controllers = append(controllers, "cpuset")
	}
	if r.PIDs != 0 {
		controllers = append(controllers, "pids")
	}
	if r.IOWeight != 0 {
		controllers = append(controllers, "io")
	}
	return controllers
}
