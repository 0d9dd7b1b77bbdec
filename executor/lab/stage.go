package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Names of the stages, which are also the argv[0] of their processes.
const (
	stageJanitor = "kuke-lab-janitor"
	stageEnter   = "kuke-lab-enter"
	stageInit    = "kuke-lab-init"
)

// Files that the enter and init stages inherit.
const (
	lifelineFD = 3 // end of file when the caller has ended
	statusFD   = 4 // for the error that kept the lab from running the command
)

// self is the running program, even when its file has been replaced or removed.
const self = "/proc/self/exe"

// spec is the description of the lab for the other stages, as JSON in argv[1].
type spec struct {
	Name       string      // of the lab's cgroup in every hierarchy
	Mode       CgroupMode  //
	Containerd string      // absolute path
	Dir        string      // absolute path
	Foreground bool        // the command gets the terminal on file 0
	Cgroups    []hierarchy // with the host's mount points
	HostMounts []string    // that the lab shows
}

// Init runs a stage of the lab and never returns when this process is one; else it returns at once. The program must call it
// first.
func Init() {
	switch os.Args[0] {
	case stageJanitor, stageEnter, stageInit:
	default:
		return
	}
	s, command, err := parseArgs(os.Args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
		os.Exit(1)
	}
	switch os.Args[0] {
	case stageJanitor:
		os.Exit(janitor(s))
	case stageEnter:
		fail(enter(s))
	case stageInit:
		code, err := runInit(s, command)
		if err != nil {
			fail(err)
		}
		os.Exit(code)
	}
}

// fail reports the error to the caller and ends the lab.
func fail(err error) {
	status := os.NewFile(statusFD, "status")
	_, _ = status.WriteString(err.Error())
	os.Exit(1)
}

// args returns the argument list for parseArgs.
func (s spec) args(stage string, command ...string) ([]string, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode the lab's description: %w", err)
	}
	return append([]string{stage, string(b)}, command...), nil
}

func parseArgs(args []string) (s spec, command []string, err error) {
	if len(args) < 2 {
		return s, nil, fmt.Errorf("not to be started by hand")
	}
	if err := json.Unmarshal([]byte(args[1]), &s); err != nil {
		return s, nil, fmt.Errorf("not to be started by hand: %w", err)
	}
	return s, args[2:], nil
}

// systemDirs are searched after PATH.
var systemDirs = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// labEnv returns the environment inside: the caller's, with containerd and its shim in PATH. Their directory becomes the first
// only where PATH would lead to another containerd, since it may hold other programs.
func labEnv(env []string, containerd string) []string {
	path := os.Getenv("PATH")
	out := make([]string, 0, len(env)+2)
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		switch name {
		case "PATH":
			path = value
		case envInside:
		default:
			out = append(out, kv)
		}
	}
	dirs := filepath.SplitList(path)
	for _, d := range systemDirs {
		if !slices.Contains(dirs, d) {
			dirs = append(dirs, d)
		}
	}
	holds := func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "containerd"))
		return err == nil
	}
	own := filepath.Dir(containerd)
	if i := slices.IndexFunc(dirs, holds); i < 0 || dirs[i] != own {
		dirs = slices.Insert(dirs, 0, own)
	}
	return append(out, "PATH="+strings.Join(dirs, ":"), envInside+"=1")
}

// enter is the first process of the pid namespace. It moves into the lab's cgroups while the host's mounts are visible, and
// makes them the root of a cgroup namespace. That namespace belongs to one thread only, so the process then executes itself
// from this thread. It returns only on failure.
func enter(s spec) error {
	// One thread must unshare and execute: an exec from another would leave the lab in the host's cgroup namespace.
	runtime.LockOSThread()
	for _, h := range s.Cgroups {
		if err := h.enter(s.Name); err != nil {
			return err
		}
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("create a cgroup namespace: %w", err)
	}
	args := slices.Clone(os.Args)
	args[0] = stageInit
	if err := unix.Exec(self, args, os.Environ()); err != nil {
		return fmt.Errorf("execute the lab's init: %w", err)
	}
	return nil
}
