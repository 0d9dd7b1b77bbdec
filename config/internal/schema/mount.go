package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
)

// validateMounts sees that every mount has its own path in the container, at which the runtime can mount it.
func validateMounts(r *resource.Resource, c *resource.Container, diags *resource.Diagnostics) {
	taken := map[string]resource.Range{}
	claim := func(target, refused string, at resource.Range) {
		if refused != "" {
			diags.Errorf(at, r.Path, "Invalid path", "%s", refused)
		} else if first, ok := taken[target]; ok {
			diags.Errorf(at, r.Path, "Duplicate mount", "Something is already mounted at %s in this container: see %s. Give each its own path.", target, first)
		} else {
			taken[target] = at
		}
	}
	for _, v := range c.Volumes {
		refused := refusedTarget(v.Target)
		if v.Target == v.Source && (v.Target == "/dev" || v.Target == "/proc") || slices.Contains(mountableProc, v.Target) {
			refused = ""
		}
		claim(v.Target, refused, r.RangeOf(fmt.Sprintf("volumes[%q].target", v.Target)))
	}
	for _, t := range c.Tmpfs {
		claim(t.Path, refusedTarget(t.Path), r.RangeOf(fmt.Sprintf("tmpfs[%q].path", t.Path)))
	}
	for _, f := range c.Configs {
		at := r.RangeOf(fmt.Sprintf("configs[%q].name", f.Name))
		if f.MountPath != "" {
			at = r.RangeOf(fmt.Sprintf("configs[%q].mountPath", f.Name))
		}
		claim(f.Target(), refusedTarget(f.Target()), at)
	}
	for _, s := range c.Secrets {
		at := r.RangeOf(fmt.Sprintf("secrets[%q].name", s.Name))
		if s.MountPath != "" {
			at = r.RangeOf(fmt.Sprintf("secrets[%q].mountPath", s.Name))
		}
		claim(s.Target(), refusedTarget(s.Target()), at)
	}
}

// mountableProc are the files in /proc that runc lets others be mounted over, as LXCFS does.
var mountableProc = []string{
	"/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime", "/proc/loadavg",
	"/proc/slabinfo", "/proc/net/dev", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
}

// refusedTarget says why nothing can be mounted at the path in a container, and how to go on, or returns "".
func refusedTarget(target string) string {
	switch {
	case target == "/":
		return "Nothing can be mounted at /, where the image is. Name a directory below it."
	case target == "/dev":
		return "A mount at /dev would hide the devices that every container has. Mount at a path below it, list the devices of the host that the container needs in devices, or give it all of them with the source /dev."
	case target == "/proc" || strings.HasPrefix(target, "/proc/"):
		return fmt.Sprintf("Nothing can be mounted at %s: /proc shows the processes of the container. Choose a path outside of it.", target)
	}
	return ""
}
