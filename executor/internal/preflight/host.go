package preflight

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/executor/internal/spec"
	"github.com/kukeon/kuke/planner/plan"
)

// Host returns the flaws of a container that do not depend on its image, but on this host alone.
func Host(c *resource.Container) []plan.Flaw {
	return slices.Concat(ulimitFlaws(c), sysctlFlaws(c), cdiFlaws(c))
}

func ulimitFlaws(c *resource.Container) []plan.Flaw {
	limit, err := resource.ParseUlimit(c.Ulimits["nofile"])
	most := spec.MaxOpenFiles()
	if err != nil || uint64(limit.Hard) <= most {
		return nil
	}
	return []plan.Flaw{{Attribute: `ulimits["nofile"]`, Summary: "Limit is too high",
		Text: fmt.Sprintf("sets nofile to %s, but a process of this host can have at most %d open files. Lower the limit, or raise fs.nr_open of the host.", limit, most)}}
}

func sysctlFlaws(c *resource.Container) (found []plan.Flaw) {
	for _, name := range slices.Sorted(maps.Keys(c.Sysctls)) {
		if !settable(name) {
			found = append(found, plan.Flaw{Attribute: fmt.Sprintf("sysctls[%q]", name), Summary: "Unknown sysctl",
				Text: fmt.Sprintf("sets the parameter %s, which a container can't have on this host. Correct the name, load the kernel module that has it, or set it on the host.", name)})
		}
	}
	return found
}

func settable(name string) bool {
	if strings.HasPrefix(name, "net.") {
		can, err := netns.Settable(name)
		return can || err != nil // the step that makes the container reports the reason
	}
	_, err := os.Stat(path.Join("/proc/sys", strings.ReplaceAll(name, ".", "/")))
	return err == nil
}

func cdiFlaws(c *resource.Container) (found []plan.Flaw) {
	var known []string
	for _, device := range c.Devices {
		if !resource.IsCDIDevice(device) {
			continue
		}
		if known == nil {
			known = append([]string{}, spec.CDIDevices()...)
		}
		if slices.Contains(known, device) {
			continue
		}
		have := "no CDI specs in /etc/cdi and /var/run/cdi describe any. Install the toolkit of the vendor, and have it write them"
		if len(known) > 0 {
			have = fmt.Sprintf("it has %s", strings.Join(known, ", "))
		}
		found = append(found, plan.Flaw{Attribute: fmt.Sprintf("devices[%q]", device), Summary: "Unknown device",
			Text: fmt.Sprintf("uses the CDI device %s, which this host doesn't have: %s.", device, have)})
	}
	return found
}
