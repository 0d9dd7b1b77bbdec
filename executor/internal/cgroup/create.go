package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/cgroups/v3/cgroup1"
	"github.com/containerd/cgroups/v3/cgroup2"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/config/resource"
)

// Create creates the cgroup and those above it where they are missing, gives its children all controllers of the host, and
// sets its limits as [Tree.SetLimits] does.
func (t *Tree) Create(cgroup string, r *resource.Resources) error {
	if err := checkPath(cgroup); err != nil {
		return err
	}
	var err error
	if t.mode == V2 {
		err = t.createV2(cgroup)
	} else {
		err = t.createV1(cgroup)
	}
	if err != nil {
		return fmt.Errorf("create cgroup %s: %w", cgroup, err)
	}
	return t.SetLimits(cgroup, r)
}

func (t *Tree) createV2(cgroup string) error {
	if err := t.delegate(t.root); err != nil {
		return err
	}
	for _, level := range levels(cgroup) {
		if _, err := cgroup2.NewManager(t.root, level, &cgroup2.Resources{}); err != nil {
			return err
		}
		if err := t.delegate(filepath.Join(t.root, level)); err != nil {
			return err
		}
	}
	return nil
}

// Delegate gives the children of the cgroup the controllers of Create again, where another program has removed them. It
// creates no cgroup, and a missing one is no error.
func (t *Tree) Delegate(cgroup string) error {
	if err := checkPath(cgroup); err != nil {
		return err
	}
	if t.mode != V2 {
		return nil
	}
	for _, level := range append([]string{"/"}, levels(cgroup)...) {
		err := t.delegate(filepath.Join(t.root, level))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("delegate the controllers of cgroup %s: %w", cgroup, err)
		}
	}
	return nil
}

// delegate gives the children of dir the controllers of dir.
func (t *Tree) delegate(dir string) error {
	available, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "cgroup.subtree_control")
	enabled, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var missing []string
	for _, name := range strings.Fields(string(available)) {
		if limiting(name) && t.dirs[name] != "" && !slices.Contains(strings.Fields(string(enabled)), name) {
			missing = append(missing, "+"+name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	err = write(file, strings.Join(missing, " "))
	if errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("%w (processes in %s itself keep its children from having limits)", err, dir)
	}
	return err
}

func limiting(controller string) bool {
	switch controller {
	case "memory", "cpu", "cpuset", "pids", "io":
		return true
	}
	return false
}

func (t *Tree) createV1(cgroup string) error {
	_, err := cgroup1.New(cgroup1.StaticPath(cgroup), &specs.LinuxResources{},
		cgroup1.WithHierarchy(func() ([]cgroup1.Subsystem, error) { return t.subsystems(), nil }))
	return err
}

// subsystems returns the mounted v1 controllers in which Create creates a directory.
func (t *Tree) subsystems() []cgroup1.Subsystem {
	var mounted []cgroup1.Subsystem
	for _, s := range []cgroup1.Subsystem{
		cgroup1.NewMemory(t.root), cgroup1.NewCpu(t.root), cgroup1.NewCpuacct(t.root), cgroup1.NewCpuset(t.root),
		cgroup1.NewPids(t.root), cgroup1.NewBlkio(t.root), cgroup1.NewDevices(t.root), cgroup1.NewFreezer(t.root),
	} {
		if t.dirs[string(s.Name())] != "" {
			mounted = append(mounted, s)
		}
	}
	return mounted
}

// levels returns /a, /a/b and /a/b/c for /a/b/c.
func levels(cgroup string) []string {
	var all []string
	for p := cgroup; p != "/"; p = path.Dir(p) {
		all = append(all, p)
	}
	slices.Reverse(all)
	return all
}

// write writes value to an existing file in one write, as the kernel requires. An os.File would wait for ever after EAGAIN,
// which the kernel returns where it can't reclaim the requested amount.
func write(file, value string) error {
	fd, err := unix.Open(file, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: file, Err: err}
	}
	for {
		if _, err = unix.Write(fd, []byte(value)); err != unix.EINTR {
			break
		}
	}
	if err != nil {
		err = &fs.PathError{Op: "write", Path: file, Err: err}
	}
	slog.Debug("wrote cgroup file", "file", file, "value", value, "failed", err != nil)
	return errors.Join(err, unix.Close(fd))
}
