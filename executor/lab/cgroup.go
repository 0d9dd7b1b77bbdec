package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

const (
	cgroupRoot = "/sys/fs/cgroup"
	// cgroupPrefix begins the name of every lab's cgroup; the pid of its caller and a random part
	// follow.
	cgroupPrefix = "kuke-lab-"
)

// hierarchy is one mounted cgroup hierarchy of the host. The lab has one cgroup in each that it uses, directly below the root
// of the mount: it enters and changes no other cgroup.
type hierarchy struct {
	Mount   string // mount point on the host
	Options string // the mount options that select it: "cpu,cpuacct", "none,name=systemd"; empty for cgroup2
}

func (h hierarchy) v2() bool                { return h.Options == "" }
func (h hierarchy) path(name string) string { return filepath.Join(h.Mount, name) }
func (h hierarchy) has(controller string) bool {
	return slices.Contains(strings.Split(h.Options, ","), controller)
}

// hierarchies returns the hierarchies that a lab of that mode uses, cgroup2 first.
func hierarchies(mode CgroupMode) ([]hierarchy, error) {
	if mode != Unified && mode != Hybrid {
		return nil, fmt.Errorf("cgroup mode %q: must be %q or %q", mode, Unified, Hybrid)
	}
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		return nil, fmt.Errorf("read the cgroup mounts: %w", err)
	}
	controllers, err := v1Controllers()
	if err != nil {
		return nil, err
	}
	var v1, v2 []hierarchy
	seen := map[string]bool{}
	for _, m := range mounts {
		h := hierarchy{Mount: m.Mountpoint}
		if m.FSType == "cgroup" {
			h.Options = v1Options(m.VFSOptions, controllers)
		}
		if seen[h.Options] || !visible(h) {
			continue
		}
		seen[h.Options] = true
		if h.v2() {
			v2 = append(v2, h)
		} else {
			v1 = append(v1, h)
		}
	}
	switch {
	case len(v2) == 0:
		return nil, errors.New("cgroup2 is not mounted. Mount it: mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified")
	case mode == Unified:
		return v2, nil
	case len(v1) == 0:
		return nil, errors.New("cgroup mode hybrid: this host has cgroup v2 only. Use mode v2")
	}
	return append(v2, v1...), nil
}

// visible is false for a mount that another one covers.
func visible(h hierarchy) bool {
	var st unix.Statfs_t
	if err := unix.Statfs(h.Mount, &st); err != nil {
		return false
	}
	if h.v2() {
		return st.Type == unix.CGROUP2_SUPER_MAGIC
	}
	return st.Type == unix.CGROUP_SUPER_MAGIC
}

// v1Controllers are the controllers and hierarchy names ("cpu", "name=systemd") in use by cgroup v1.
func v1Controllers() ([]string, error) {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("read the cgroups of this process: %w", err)
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		if f := strings.SplitN(line, ":", 3); len(f) == 3 && f[1] != "" {
			out = append(out, strings.Split(f[1], ",")...)
		}
	}
	return out, nil
}

// v1Options returns the mount options that select the hierarchy.
func v1Options(options string, controllers []string) string {
	var keep []string
	for o := range strings.SplitSeq(options, ",") {
		if slices.Contains(controllers, o) {
			keep = append(keep, o)
		}
	}
	if len(keep) == 1 && strings.HasPrefix(keep[0], "name=") {
		return "none," + keep[0]
	}
	return strings.Join(keep, ",")
}

// create creates the lab's cgroup.
func (h hierarchy) create(name string) error {
	dir := h.path(name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("create a cgroup: %w", err)
	}
	if !h.has("cpuset") {
		return nil
	}
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		// No process can enter a v1 cpuset before it has both.
		b, err := os.ReadFile(filepath.Join(h.Mount, file))
		if err != nil {
			return fmt.Errorf("copy the cpuset: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), b, 0); err != nil {
			return fmt.Errorf("copy the cpuset: %w", err)
		}
	}
	return nil
}

// enter moves the calling process into the lab's cgroup.
func (h hierarchy) enter(name string) error {
	if err := os.WriteFile(filepath.Join(h.path(name), "cgroup.procs"), []byte("0"), 0); err != nil {
		return fmt.Errorf("enter the lab's cgroup: %w", err)
	}
	return nil
}

// kill sends SIGKILL to every process in and below the lab's cgroup, without waiting for the effect.
func (h hierarchy) kill(name string) {
	if h.v2() && os.WriteFile(filepath.Join(h.path(name), "cgroup.kill"), []byte("1"), 0) == nil {
		return
	}
	for _, dir := range tree(h.path(name)) {
		// Top down, since a frozen parent keeps its children frozen; even a killed process does not end in a v1 freezer.
		if h.has("freezer") {
			_ = os.WriteFile(filepath.Join(dir, "freezer.state"), []byte("THAWED"), 0)
		}
		pids, _ := processes(dir)
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// processes lists the processes of the cgroup itself. The kernel lists processes outside of this pid namespace as 0: they are
// left out.
func processes(dir string) ([]int, error) {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, f := range strings.Fields(string(b)) {
		if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// tree lists a cgroup and all below, parents first; empty when it doesn't exist.
func tree(root string) []string {
	var dirs []string
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil // a directory that is removed meanwhile is not needed
	})
	return dirs
}

// removeTree removes a cgroup and all cgroups below. It fails with EBUSY while there are processes in them.
func removeTree(root string) error {
	var left error
	for _, dir := range slices.Backward(tree(root)) {
		if err := unix.Rmdir(dir); err != nil && err != unix.ENOENT {
			left = &fs.PathError{Op: "rmdir", Path: dir, Err: err}
		}
	}
	return left
}

// sweep removes the cgroups of labs whose caller and janitor were killed together. Errors are ignored: the cgroup is in use,
// or removed the next time.
func sweep(groups []hierarchy) {
	for _, h := range groups {
		dirs, _ := filepath.Glob(h.path(cgroupPrefix + "*"))
		for _, dir := range dirs {
			pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), cgroupPrefix), "-")
			n, err := strconv.Atoi(pid)
			if err != nil || n <= 0 || unix.Kill(n, 0) != unix.ESRCH || occupied(dir) {
				continue
			}
			_ = removeTree(dir)
		}
	}
}

// occupied is true when processes of any pid namespace are in the cgroup or below.
func occupied(root string) bool {
	for _, dir := range tree(root) {
		b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if len(b) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}
