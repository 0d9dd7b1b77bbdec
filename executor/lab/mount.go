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

const plain = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

var (
	// overlaid directories stay readable in the lab; files written there are removed with it. The overlay also allows mount
	// points that the host does not have.
	overlaid = []string{"/etc", "/opt", "/var/lib"}
	// emptied directories are empty at first: they hold state of programs that must not be shared.
	emptied = []string{"/opt/kukeon", "/etc/cni", "/etc/containerd", "/var/lib/containerd", "/var/lib/cni"}
	// emptiedIfThere are not below an overlay: creating a missing one would create it on the host.
	emptiedIfThere = map[string]string{"/var/log": "mode=755", "/dev/shm": "mode=1777"}
)

// mountAll turns the copy of the host's mounts into the lab's own tree.
func mountAll(s spec) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	shown, err := cloneHost(s.HostMounts)
	if err != nil {
		return err
	}
	// The host's mounts below are removed and not just covered: programs look for cgroups in mountinfo, which shows covered
	// mounts too.
	if err := remount("proc", "/proc", plain, ""); err != nil {
		return err
	}
	if err := remount("sysfs", "/sys", plain, ""); err != nil {
		return err
	}
	if err := mountCgroups(s); err != nil {
		return err
	}
	if err := mountPrivate(); err != nil {
		return err
	}
	if err := showHost(s.HostMounts, shown); err != nil {
		return err
	}
	return os.MkdirAll("/run/lock", 0o1777)
}

// mountPrivate mounts the directories that the lab writes to.
func mountPrivate() error {
	// The first tmpfs on /run holds the upper layers. The second one hides it, so that no process can remove them from below
	// the overlays.
	if err := remount("tmpfs", "/run", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return err
	}
	for _, dir := range overlaid {
		if err := overlay(dir, filepath.Join("/run", strings.ReplaceAll(dir[1:], "/", "-"))); err != nil {
			return err
		}
	}
	if err := remount("tmpfs", "/run", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return err
	}
	for _, dir := range emptied {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		// The snapshots of containerd hold devices and set-user-id programs.
		if err := mount("tmpfs", dir, 0, "mode=755"); err != nil {
			return err
		}
	}
	for dir, mode := range emptiedIfThere {
		if err := mount("tmpfs", dir, unix.MS_NOSUID|unix.MS_NODEV, mode); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}

func mount(fstype, dir string, flags uintptr, data string) error {
	err := unix.Mount(fstype, dir, fstype, flags, data)
	if errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("mount %s on %s: %w: the kernel lacks it. Load it: modprobe %s", fstype, dir, err, fstype)
	}
	if err != nil {
		return fmt.Errorf("mount %s on %s: %w", fstype, dir, err)
	}
	return nil
}

// remount unmounts all mounts on and below dir, then mounts again.
func remount(fstype, dir string, flags uintptr, data string) error {
	for {
		err := unix.Unmount(dir, unix.MNT_DETACH)
		if errors.Is(err, unix.EINVAL) {
			break // no mount point is left
		}
		if err != nil {
			return fmt.Errorf("unmount %s: %w", dir, err)
		}
	}
	return mount(fstype, dir, flags, data)
}

// overlay redirects writes to dir to scratch. An overlay shows one file system only, so the mounts below dir are cloned first
// and mounted on top again.
func overlay(dir, scratch string) error {
	inner, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		return !strings.HasPrefix(m.Mountpoint, dir+"/"), false
	})
	if err != nil {
		return fmt.Errorf("read the mounts below %s: %w", dir, err)
	}
	trees := map[string]int{}
	for _, m := range inner {
		if slices.ContainsFunc(inner, func(o *mountinfo.Info) bool { return strings.HasPrefix(m.Mountpoint, o.Mountpoint+"/") }) {
			continue // cloned with its parent
		}
		fd, err := unix.OpenTree(unix.AT_FDCWD, m.Mountpoint, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
		if err != nil {
			return fmt.Errorf("clone the mount %s: %w", m.Mountpoint, err)
		}
		defer unix.Close(fd)
		trees[m.Mountpoint] = fd
	}
	upper, work := filepath.Join(scratch, "upper"), filepath.Join(scratch, "work")
	for _, d := range []string{upper, work} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if err := mount("overlay", dir, 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", dir, upper, work)); err != nil {
		return err
	}
	for path, fd := range trees {
		if err := unix.MoveMount(fd, "", unix.AT_FDCWD, path, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return fmt.Errorf("restore the mount %s: %w", path, err)
		}
	}
	return nil
}

// mountCgroups mounts the hierarchies; in a cgroup namespace their roots are the lab's cgroups.
func mountCgroups(s spec) error {
	if err := checkCgroupNamespace(); err != nil {
		return err
	}
	if s.Mode == Unified {
		if err := mount("cgroup2", cgroupRoot, plain, ""); err != nil {
			return err
		}
		return delegate()
	}
	if err := mount("tmpfs", cgroupRoot, plain, "mode=755"); err != nil {
		return err
	}
	for _, h := range s.Cgroups {
		fstype, dir := "cgroup", filepath.Join(cgroupRoot, filepath.Base(h.Mount))
		if h.v2() {
			fstype, dir = "cgroup2", filepath.Join(cgroupRoot, "unified")
		}
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := mount(fstype, dir, plain, h.Options); err != nil {
			return err
		}
		// A hierarchy of the host may have several controllers, each with a link of its name.
		for c := range strings.SplitSeq(h.Options, ",") {
			link := filepath.Join(cgroupRoot, c)
			if _, err := os.Lstat(link); err == nil || c == "" || c == "none" || strings.HasPrefix(c, "name=") {
				continue
			}
			if err := os.Symlink(filepath.Base(dir), link); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkCgroupNamespace makes sure that this process is at the root of its cgroup namespace in every hierarchy, so that the
// mounts can't be of the host's cgroups.
func checkCgroupNamespace() error {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return fmt.Errorf("inspect the cgroup namespace: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if !strings.HasSuffix(line, ":/\n") {
			return fmt.Errorf("the lab is not at the root of its cgroup namespace, but at %s", strings.TrimSpace(line))
		}
	}
	return nil
}

// delegate enables the controllers in the lab. Its root is not the root of the hierarchy, so that a process in it would prevent
// that: init moves to a cgroup of its own, in which all others start.
func delegate() error {
	leaf := filepath.Join(cgroupRoot, "init")
	if err := os.Mkdir(leaf, 0o755); err != nil {
		return fmt.Errorf("create init's cgroup: %w", err)
	}
	if err := os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte("0"), 0); err != nil {
		return fmt.Errorf("enter init's cgroup: %w", err)
	}
	b, err := os.ReadFile(filepath.Join(cgroupRoot, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("read the cgroup controllers: %w", err)
	}
	for _, c := range strings.Fields(string(b)) {
		// A controller that can't be enabled (cpu, with real-time processes around) is missing in the lab, as it would be on the
		// host: setting a limit fails.
		_ = os.WriteFile(filepath.Join(cgroupRoot, "cgroup.subtree_control"), []byte("+"+c), 0)
	}
	return nil
}
