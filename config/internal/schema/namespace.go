package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
)

// validateNamespaces validates the attributes that depend on the namespaces of the container.
func validateNamespaces(r *resource.Resource, c *resource.Container, f *Spelling, diags *resource.Diagnostics) {
	name := func(attribute string) string { return f.attribute(resource.KindContainer.Attribute(attribute)) }
	if c.IPC == resource.NamespaceHost {
		for _, sysctl := range slices.Sorted(maps.Keys(c.Sysctls)) {
			if !strings.HasPrefix(sysctl, "net.") {
				diags.Errorf(r.RangeOf(fmt.Sprintf("sysctls[%q]", sysctl)), r.Path, "Invalid sysctl",
					"%s belongs to the IPC namespace, which is that of the host here. Set it on the host, or remove ipc = \"host\".", sysctl)
			}
		}
	}
	if c.ShmSize == 0 {
		return
	}
	const target = "/dev/shm"
	at := r.RangeOf("shmSize")
	if c.IPC != "" {
		diags.Errorf(at, r.Path, "Conflicting attributes", "%s is the size of the container's own %s, which it does not have with ipc = %q. Remove one of the two.", name("shmSize"), target, c.IPC)
	}
	for _, t := range c.Tmpfs {
		if t.Path == target {
			diags.Errorf(at, r.Path, "Conflicting attributes", "%s and a tmpfs at %s (%s) are both given. Set %s of the tmpfs, or remove it.", name("shmSize"), target, r.RangeOf(fmt.Sprintf("tmpfs[%q].path", t.Path)), f.attribute(resource.FindAttribute(resource.KindContainer.Attribute("tmpfs").Fields, "sizeBytes")))
		}
	}
	for _, v := range c.Volumes {
		if v.Target == target {
			diags.Errorf(at, r.Path, "Conflicting attributes", "%s and a volume at %s (%s) are both given. Remove one of the two.", name("shmSize"), target, r.RangeOf(fmt.Sprintf("volumes[%q].target", v.Target)))
		}
	}
}
