package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/kukeon/kuke/executor"
)

// checkCgroups looks for the cgroup file system, and where there is one, for the limits that it enforces.
func checkCgroups(root string) []Check {
	c := Check{Name: "cgroups", Needed: true, Fix: "mount cgroup v2 at " + root + ", or name the mount with --cgroup-root"}
	found, err := executor.LookAtCgroups(root)
	if err != nil {
		c.Found = err.Error()
		if missing := (*fs.PathError)(nil); errors.As(err, &missing) {
			c.Found = missing.Error()
		}
		return one(c)
	}
	c.OK, c.Found = true, fmt.Sprintf("%s, %s", found.Mode, root)
	return []Check{c, checkLimits(root, found)}
}

func checkLimits(root string, found executor.Cgroups) Check {
	c := Check{Name: "limits"}
	var have, lack []string
	for _, name := range []string{"memory", "swap", "cpu", "pids", "io"} {
		if found.Controllers[name] {
			have = append(have, name)
		} else {
			lack = append(lack, name)
		}
	}
	c.OK = len(lack) == 0
	c.Found = "can be set: " + orNone(have)
	if !c.OK {
		c.Found += "; can't be set: " + orNone(lack)
		c.Fix = limitsFix(root, found, lack) + "; a configuration that sets one of these limits is refused until then"
	}
	return c
}

// limitsFix says how to get the controllers that lack, by the reason why each does.
func limitsFix(root string, found executor.Cgroups, lack []string) string {
	var fixes []string
	// Swap comes with the controller of memory, where the kernel accounts for it at all.
	lack = slices.DeleteFunc(slices.Clone(lack), func(name string) bool { return name == "swap" })
	if found.Controllers["memory"] && !found.Controllers["swap"] {
		fixes = append(fixes, "account for swap at boot with swapaccount=1 on the kernel's command line")
	}
	absent := slices.DeleteFunc(slices.Clone(lack), func(name string) bool { return slices.Contains(found.Withheld, name) })
	if len(absent) < len(lack) {
		fixes = append(fixes, "move the processes in the cgroup "+root+" into one below it, since they keep it from passing controllers on")
	}
	if len(absent) > 0 && found.Nested {
		fixes = append(fixes, "delegate the controllers "+strings.Join(absent, ", ")+" to "+root+" (systemd: Delegate=yes)")
		absent = nil
	}
	if slices.Contains(absent, "memory") {
		fixes = append(fixes, "enable memory at boot with cgroup_enable=memory on the kernel's command line")
	}
	if slices.Contains(absent, "io") {
		fixes = append(fixes, "for io load an I/O scheduler that knows weights: modprobe bfq")
	}
	rest := slices.DeleteFunc(absent, func(name string) bool { return name == "memory" || name == "io" })
	if len(rest) > 0 {
		fixes = append(fixes, "use a kernel with, and mount in the same version as the others, the controllers "+strings.Join(rest, ", "))
	}
	return strings.Join(fixes, "; ")
}
