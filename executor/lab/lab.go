// Package lab starts a throw-away host inside this one: its own mount, network, pid, uts, ipc and
// cgroup namespaces, fresh /proc, /sys and cgroup mounts, tmpfs on /run, private /opt/kukeon and
// /etc/cni, and its own containerd on the usual socket. A command runs in it; the lab is removed when the command ends, and
// also when any process of the lab is killed.
//
// `kuke lab` starts it, pipelines rehearse an apply in it, and the tests of this module run in it. It is no security boundary:
// there is no user namespace, root inside is root outside, and all other directories, such as /tmp and /root, are the host's.
//
// A program that uses the package calls [Init] first thing in main (and in TestMain), because the lab runs the program again,
// in these stages:
//
//	caller   [Run]: creates the cgroups, starts the two below, forwards signals, waits
//	janitor  outside the lab, in its own session: removes the cgroups when the caller has ended
//	enter    first process of the pid namespace: enters the cgroups, unshares the cgroup namespace
//	init     the same process after exec: mounts, containerd, then the command; reaps orphans
//
// Both children hold the reading end of one pipe, whose writing end only the caller has: end of file means that the caller has
// ended, in any way.
//
// The package knows nothing about realms, plans or state.
package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// CgroupMode says how the cgroup hierarchies are mounted in the lab.
type CgroupMode string

const (
	// Unified mounts cgroup2 alone at /sys/fs/cgroup, with the controllers that the host delegates to children of its root
	// cgroup; on a host that has them on cgroup v1 there are none.
	Unified CgroupMode = "v2"
	// Hybrid mounts the host's cgroup v1 hierarchies below /sys/fs/cgroup, and cgroup2 at unified.
	// It is an error on a host without cgroup v1.
	Hybrid CgroupMode = "hybrid"
)

const (
	// envInside is set to 1 for all processes in a lab.
	envInside = "KUKE_LAB"
	// envContainerd names the containerd binary when [Options.Containerd] is empty, so that all tests can be repeated on
	// another version.
	envContainerd = "KUKE_TEST_CONTAINERD"
	// envCgroup tells the tests in a lab how its cgroups are mounted.
	envCgroup = "KUKE_TEST_CGROUP"
)

// Options describe a lab. The zero value is a lab with cgroup v2 and an interactive shell.
type Options struct {
	// Cgroup is the layout of /sys/fs/cgroup; empty means Unified.
	Cgroup CgroupMode
	// Containerd is the containerd binary. Its directory is the first in PATH, so that the shim beside it is used. Empty means
	// $KUKE_TEST_CONTAINERD, else the binary in PATH.
	Containerd string
	// Command is the program and its arguments; empty means $SHELL, else /bin/sh.
	Command []string
	// Dir is the working directory of the command; empty means the caller's.
	Dir string
	// Env is the environment of the command; nil means the caller's. KUKE_LAB=1 is added.
	Env []string
	// HostMounts are mount points of the host that the lab also shows read-only below [HostDir], parents first, see [HostMounts].
	HostMounts []string
	// Stdin, Stdout and Stderr of the command; nil means the caller's own.
	Stdin, Stdout, Stderr *os.File
}

// Inside reports whether this process runs in a lab.
func Inside() bool { return os.Getenv(envInside) == "1" }

// Check returns the reason why a lab with these options can't be started on this host, with the fix, or nil. It changes
// nothing.
func Check(o Options) error {
	_, err := o.resolve()
	return err
}

// Run starts a lab, runs the command in it and removes the lab. The exit code is the command's own, or 128+n when signal n
// ended it. An error means that the lab could not be started, or was destroyed while the command ran. SIGINT, SIGTERM, SIGHUP
// and SIGQUIT sent to the caller are forwarded to the command, so ctx need not (and should not) be tied to them: when ctx is
// done the command gets SIGTERM, and the lab is killed ten seconds later.
func Run(ctx context.Context, o Options) (exitCode int, err error) {
	s, err := o.resolve()
	if err != nil {
		return 1, fmt.Errorf("start the lab: %w", err)
	}
	sweep(s.Cgroups)
	return start(ctx, o, s)
}

// resolve fills in the defaults and checks whether this host can run the lab.
func (o *Options) resolve() (spec, error) {
	if os.Geteuid() != 0 {
		return spec{}, errors.New("not root: a lab needs namespaces, mounts and cgroups. Run it with sudo")
	}
	if o.Cgroup == "" {
		o.Cgroup = Unified
	}
	if o.Containerd == "" {
		o.Containerd = os.Getenv(envContainerd)
	}
	if o.Containerd == "" {
		o.Containerd = "containerd"
	}
	containerd, err := find(o.Containerd)
	if err != nil {
		return spec{}, err
	}
	if _, err := find("runc"); err != nil {
		return spec{}, err
	}
	groups, err := hierarchies(o.Cgroup)
	if err != nil {
		return spec{}, err
	}
	if len(o.Command) == 0 {
		o.Command = []string{"/bin/sh"}
		if shell := os.Getenv("SHELL"); shell != "" {
			o.Command = []string{shell}
		}
	}
	if o.Env == nil {
		o.Env = os.Environ()
	}
	if o.Dir == "" {
		o.Dir = "."
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return spec{}, fmt.Errorf("find the working directory: %w", err)
	}
	return spec{Mode: o.Cgroup, Containerd: containerd, Dir: dir, Cgroups: groups, HostMounts: o.HostMounts}, nil
}

// find is exec.LookPath that also searches the directories of root's programs, which PATH may lack, and whose error names the
// packages to install.
func find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err == nil {
		return filepath.Abs(path)
	}
	if filepath.Base(program) != program {
		return "", fmt.Errorf("find containerd: %w", err)
	}
	for _, dir := range systemDirs {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w. Install it: apt-get install containerd runc", program, exec.ErrNotFound)
}
