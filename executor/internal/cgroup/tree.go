// Package cgroup creates, limits, reads and removes the control groups of the hierarchy /kukeon/<realm>/….
//
// It knows both layouts a host can have: the unified one ("v2"), and the controllers mounted one by one,
// with or without an empty unified tree beside them ("v1"). A path such as /kukeon/main/default means the same
// in both; in v1 it is a directory under each controller.
//
// The package decides nothing: the cgroups and their limits come from the plan. It sets [resource.Resources] and reads them
// back from the kernel, in the form of [Tree.Canonical]. Cgroups are created with github.com/containerd/cgroups; limits are
// written and read as plain files, since that library neither removes a limit nor reads one back.
package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// The modes of a [Tree].
const (
	V1 = "v1"
	V2 = "v2"
)

// Tree is the cgroup file system of the host. Its methods may be used by several goroutines at once.
type Tree struct {
	root string
	mode string
	// dirs maps a controller to the directory its hierarchy is mounted at: the root for all of them in v2.
	dirs map[string]string
	// hierarchies are the distinct mount points, with limits or not: runc creates directories in all of them.
	hierarchies []string
	// withheld and nested: see Withheld and Nested.
	withheld []string
	nested   bool
	weight   weightFile
	// lenient: see Forgo.
	lenient bool
	// swap caches whether the cgroups have files that limit swap.
	swap atomic.Pointer[bool]
}

// Open inspects the cgroup file system mounted at root, as a rule /sys/fs/cgroup, and changes nothing.
func Open(root string) (*Tree, error) {
	magic, err := fsType(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("inspect the cgroup file system: %w. Name the mount point of cgroups with --cgroup-root", err)
	}
	if err != nil {
		return nil, fmt.Errorf("inspect the cgroup file system: %w", err)
	}
	t := &Tree{root: root, dirs: map[string]string{}}
	if magic == unix.CGROUP2_SUPER_MAGIC {
		err = t.openV2()
	} else {
		err = t.openV1()
	}
	if err != nil {
		return nil, err
	}
	t.weight = t.findWeightFile()
	return t, nil
}

func (t *Tree) openV2() error {
	t.mode = V2
	t.hierarchies = []string{t.root}
	data, err := os.ReadFile(filepath.Join(t.root, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("read the controllers of the cgroup file system: %w", err)
	}
	names := strings.Fields(string(data))
	t.nested = nested(t.root)
	if t.nested && occupied(t.root) {
		data, err := os.ReadFile(filepath.Join(t.root, "cgroup.subtree_control"))
		if err != nil {
			return fmt.Errorf("read the controllers of the cgroup file system: %w", err)
		}
		all := names
		names = strings.Fields(string(data))
		t.withheld = slices.DeleteFunc(all, func(name string) bool { return slices.Contains(names, name) })
	}
	for _, name := range names {
		t.dirs[name] = t.root
	}
	return nil
}

// nested reports whether the cgroup is below another, even below one that is invisible from a container or another cgroup
// namespace: only the root of the hierarchy has no type.
func nested(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "cgroup.type"))
	return err == nil
}

// occupied reports whether there are processes in the cgroup, which keep the kernel from giving its children controllers,
// unless it is the root of the hierarchy.
func occupied(dir string) bool {
	procs, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	return err == nil && len(procs) > 0
}

func (t *Tree) openV1() error {
	t.mode = V1
	entries, err := os.ReadDir(t.root)
	if err != nil {
		return fmt.Errorf("list the cgroup hierarchies: %w", err)
	}
	for _, e := range entries {
		// Controllers mounted together ("cpu,cpuacct") have one link each.
		dir, err := filepath.EvalSymlinks(filepath.Join(t.root, e.Name()))
		if err != nil {
			continue
		}
		magic, err := fsType(dir)
		if err != nil || magic != unix.CGROUP_SUPER_MAGIC && magic != unix.CGROUP2_SUPER_MAGIC {
			continue
		}
		if e.Type()&fs.ModeSymlink == 0 {
			t.hierarchies = append(t.hierarchies, dir)
		}
		if magic == unix.CGROUP_SUPER_MAGIC {
			for _, name := range strings.Split(e.Name(), ",") {
				t.dirs[name] = dir
			}
		}
	}
	if len(t.hierarchies) == 0 {
		return fmt.Errorf("no cgroup file system is mounted at %s or right below it", t.root)
	}
	return nil
}

// isGone reports whether a cgroup or its file is missing, or was removed during the access.
func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) }

func fsType(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return int64(st.Type), nil
}

// Forgo makes the tree leave out limits that this host can't enforce, in place of an error. Call it before any other method.
func (t *Tree) Forgo() { t.lenient = true }

// Mode returns [V1] or [V2].
func (t *Tree) Mode() string { return t.mode }

// Controllers returns, for each of memory, swap, cpu, cpuset, pids and io, whether this host can enforce its limits. io needs
// a file for weights, and swap a kernel that accounts for it.
func (t *Tree) Controllers() map[string]bool {
	have := map[string]bool{"io": t.weight.file != "", swapController: t.accountsSwap()}
	for _, name := range []string{"memory", "cpu", "cpuset", "pids"} {
		have[name] = t.dirs[name] != ""
	}
	return have
}

// Withheld returns the controllers of the root that processes in it keep from the cgroups below, in v2.
func (t *Tree) Withheld() []string { return t.withheld }

// Nested reports whether the root is below another cgroup, from which it gets its controllers, in v2.
func (t *Tree) Nested() bool { return t.nested }

// Exists reports whether the cgroup exists in every hierarchy in which [Tree.Create] creates it.
func (t *Tree) Exists(cgroup string) (bool, error) {
	if err := checkPath(cgroup); err != nil {
		return false, err
	}
	for _, dir := range t.own() {
		_, err := os.Stat(filepath.Join(dir, cgroup))
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("look for cgroup %s: %w", cgroup, err)
		}
	}
	return true, nil
}

// Children returns the names of the cgroups right below the given one, in any hierarchy, sorted and without doubles.
// The error matches [fs.ErrNotExist] when the cgroup is missing everywhere.
func (t *Tree) Children(cgroup string) ([]string, error) {
	if err := checkPath(cgroup); err != nil {
		return nil, err
	}
	names, found := map[string]bool{}, false
	for _, dir := range t.hierarchies {
		entries, err := os.ReadDir(filepath.Join(dir, cgroup))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list cgroup %s: %w", cgroup, err)
		}
		found = true
		for _, e := range entries {
			if e.IsDir() {
				names[e.Name()] = true
			}
		}
	}
	if !found {
		return nil, fmt.Errorf("list cgroup %s: %w", cgroup, fs.ErrNotExist)
	}
	return sortedKeys(names), nil
}

// own returns the mount points below which Create creates a cgroup, without doubles.
func (t *Tree) own() []string {
	if t.mode == V2 {
		return t.hierarchies
	}
	var dirs []string
	seen := map[string]bool{}
	for _, subsystem := range t.subsystems() {
		if dir := t.dirs[string(subsystem.Name())]; !seen[dir] {
			seen[dir] = true
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// checkPath keeps a mistake of the caller from reaching the cgroups of others.
func checkPath(cgroup string) error {
	if !strings.HasPrefix(cgroup, "/") || path.Clean(cgroup) != cgroup || cgroup == "/" {
		return fmt.Errorf("cgroup path %q: it must be absolute, clean and not the root", cgroup)
	}
	return nil
}
