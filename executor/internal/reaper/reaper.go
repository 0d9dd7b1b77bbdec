// Package reaper is the init of containers that ask for one: the first process of a container, which runs the program of the
// container as its child, reaps orphaned processes, forwards signals and exits as the child does.
//
// A static init of the host is used where there is one, since it is smaller; else the program of kuke, which calls [Init].
// Nothing of a container is known here but its arguments.
package reaper

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/kukeon/kuke/executor/program"
)

// Path is the init in a container, and its first argument there: Docker's.
const Path = "/sbin/docker-init"

// endOfOptions separates the arguments of every known init from the program.
const endOfOptions = "--"

// Args returns the arguments by which the init runs the program with its arguments.
func Args(args []string) []string { return append([]string{Path, endOfOptions}, args...) }

// Program returns the arguments of the program that the init runs, and whether the arguments are those of an init.
func Program(args []string) ([]string, bool) {
	if len(args) > 2 && args[0] == Path && args[1] == endOfOptions {
		return args[2:], true
	}
	return args, false
}

// hostInits are programs of Debian and of others that take the same arguments, the best first.
var hostInits = []string{"docker-init", "tini-static", "catatonit", "tini"}

// Find returns the init to mount at [Path]: one of the host that needs no libraries and that only root can replace, or else
// own, which returns the program of kuke.
func Find(own func() (string, error)) (string, error) {
	for _, name := range hostInits {
		file, err := exec.LookPath(name)
		if err == nil && static(file) && program.CheckOwned(file) == nil {
			return file, nil
		}
	}
	file, err := own()
	if err != nil {
		return "", err
	}
	if !static(file) {
		return "", fmt.Errorf("%s needs libraries that a container may not have, and this host has no static init. Install one: apt-get install tini", file)
	}
	return file, nil
}

// static reports whether the program runs without an interpreter, and so without the libraries of the host.
func static(file string) bool {
	f, err := elf.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	return !slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}

// The exit statuses of shells for a program that can't be run.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
	exitSignal        = 128 // plus the number of the signal
)

// Init runs the program of a container and never returns when this is the init of one; else it returns at once.
func Init() {
	if args, ok := Program(os.Args); ok {
		os.Exit(run(args))
	}
}

func run(args []string) int {
	signals := make(chan os.Signal, 64)
	signal.Notify(signals) // before there is a child to forward them to
	file, err := exec.LookPath(args[0])
	if err != nil {
		return refuse(args[0], err)
	}
	attr := &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Sys: &syscall.SysProcAttr{Setpgid: true}}
	if term.IsTerminal(0) {
		attr.Sys.Foreground = true
	}
	child, err := os.StartProcess(file, args, attr)
	if err != nil {
		return refuse(args[0], err)
	}
	go forward(signals, child.Pid)
	return reap(child.Pid)
}

func refuse(name string, err error) int {
	fmt.Fprintf(os.Stderr, "run %s: %v\n", name, err)
	if errors.Is(err, fs.ErrPermission) {
		return exitNotExecutable
	}
	return exitNotFound
}

// forward sends signals on to the child, save those that this process causes itself: Go's runtime sends SIGURG to its threads.
func forward(signals <-chan os.Signal, child int) {
	for s := range signals {
		if s != unix.SIGCHLD && s != unix.SIGURG {
			_ = unix.Kill(child, s.(syscall.Signal))
		}
	}
}

// reap waits for every process that becomes a child of this one, until the given one has ended, and returns its exit status.
func reap(child int) int {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			fmt.Fprintf(os.Stderr, "wait for process %d: %v\n", child, err)
			return 1
		case pid == child && status.Signaled():
			return exitSignal + int(status.Signal())
		case pid == child && status.Exited():
			return status.ExitStatus()
		}
	}
}
