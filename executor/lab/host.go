package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// HostDir is the directory at which a lab shows [Options.HostMounts], each below it at its path on the host.
const HostDir = "/run/host"

// unshown are the file systems that a lab has of its own, or whose files are no data. A second mount of an overlay would share its
// upper directory with a container of the host.
var unshown = []string{"autofs", "bpf", "cgroup", "cgroup2", "debugfs", "devpts", "devtmpfs", "mqueue", "nsfs", "overlay", "proc", "pstore", "securityfs", "sysfs", "tracefs"}

// HostMounts returns the mount points of the host that [Options.HostMounts] needs to show the paths: those that the paths are
// on, and the data below them. The paths are absolute and without symbolic links.
func HostMounts(paths []string) ([]string, error) {
	all, err := mountinfo.GetMounts(nil)
	if err != nil {
		return nil, fmt.Errorf("read the mounts of this host: %w", err)
	}
	types := map[string]string{} // a later mount covers an earlier one
	for _, m := range all {
		types[m.Mountpoint] = m.FSType
	}
	var points []string
	for point, fstype := range types {
		above := func(path string) bool { return within(path, point) }
		below := func(path string) bool { return within(point, path) }
		if slices.ContainsFunc(paths, above) || slices.ContainsFunc(paths, below) && !slices.Contains(unshown, fstype) {
			points = append(points, point)
		}
	}
	slices.Sort(points) // parents first
	return points, nil
}

// within reports whether path is dir or below it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// cloneHost clones the mounts of the host, each alone and read-only, before the lab covers them.
func cloneHost(points []string) ([]int, error) {
	fds := make([]int, 0, len(points))
	for _, point := range points {
		fd, err := unix.OpenTree(unix.AT_FDCWD, point, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return nil, fmt.Errorf("clone the mount %s: %w", point, err)
		}
		fds = append(fds, fd)
		err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
		if errors.Is(err, unix.ENOSYS) {
			return nil, fmt.Errorf("make the mount %s read-only: %w: showing the host in a lab takes Linux 5.12", point, err)
		}
		if err != nil {
			return nil, fmt.Errorf("make the mount %s read-only: %w", point, err)
		}
	}
	return fds, nil
}

// showHost mounts the clones below [HostDir].
func showHost(points []string, fds []int) error {
	for i, point := range points {
		dir := filepath.Join(HostDir, point)
		if _, err := os.Lstat(dir); err != nil {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("show %s: %w", point, err)
			}
		}
		if err := unix.MoveMount(fds[i], "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return fmt.Errorf("show %s: %w", point, err)
		}
		if err := unix.Close(fds[i]); err != nil {
			return fmt.Errorf("show %s: %w", point, err)
		}
	}
	return nil
}
