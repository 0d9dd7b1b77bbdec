package doctor

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

func checkOverlay() Check {
	c := Check{Name: "overlayfs", Needed: true, Fix: "use a kernel with overlay: containerd keeps images with it"}
	data, err := os.ReadFile("/proc/filesystems")
	switch {
	case err != nil:
		c.Found, c.Fix = err.Error(), "mount proc at /proc"
	case strings.Contains(string(data), "\toverlay\n"):
		c.OK, c.Found = true, "the kernel has it"
	case hasModule("overlay"):
		// The first containerd after a boot makes the kernel load it.
		c.OK, c.Found = true, "the kernel loads it when it is needed"
	default:
		c.Found = "the kernel has neither overlay nor a module for it"
	}
	return c
}

// hasModule reports whether the kernel that runs has a module of that name to load.
func hasModule(name string) bool {
	var host unix.Utsname
	if err := unix.Uname(&host); err != nil {
		return false
	}
	list, err := os.ReadFile(filepath.Join("/lib/modules", unix.ByteSliceToString(host.Release[:]), "modules.dep"))
	return err == nil && strings.Contains("\n"+string(list), "/"+name+".ko")
}
