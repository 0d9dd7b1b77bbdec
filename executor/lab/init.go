package lab

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// hostname is the name of the lab.
const hostname = "kuke-lab"

// exited is a child of init, its own or an orphan, that exited or was stopped.
type exited struct {
	pid    int
	status syscall.WaitStatus
}

// runInit is PID 1. It sets the lab up, runs the command and returns its exit code; when the process then ends, the kernel
// kills all others.
func runInit(s spec, command []string) (int, error) {
	for _, fd := range []int{lifelineFD, statusFD} {
		unix.CloseOnExec(fd)
	}
	go func() {
		// The parent-death signal misses a parent that died before it was set.
		_, _ = io.Copy(io.Discard, os.NewFile(lifelineFD, "lifeline"))
		os.Exit(1)
	}()
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, forwarded...)
	children := reap()

	if err := mountAll(s); err != nil {
		return 0, err
	}
	if err := setUpNetwork(); err != nil {
		return 0, err
	}
	if err := startContainerd(s.Containerd, children); err != nil {
		return 0, err
	}
	pid, err := startCommand(s, command)
	if err != nil {
		return 0, err
	}
	for {
		select {
		case sig := <-signals:
			target := pid
			if sig == unix.SIGINT {
				target = -pid // like a terminal
			}
			_ = unix.Kill(target, sig.(syscall.Signal))
		case c := <-children:
			if c.pid != pid {
				continue
			}
			if c.status.Stopped() {
				// Ctrl-Z: no shell outside knows of this process and could continue it.
				if c.status.StopSignal() == unix.SIGTSTP {
					_ = unix.Kill(-pid, unix.SIGCONT)
				}
				continue
			}
			return exitCode(c.status), nil
		}
	}
}

// setUpNetwork sets the host name and brings the only interface up.
func setUpNetwork() error {
	if err := unix.Sethostname([]byte(hostname)); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	if err := os.WriteFile("/etc/hostname", []byte(hostname+"\n"), 0o644); err != nil {
		return err
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	return nil
}

// reap waits for children, including every orphan of the namespace, for the life of init.
func reap() <-chan exited {
	wake := make(chan os.Signal, 1)
	signal.Notify(wake, unix.SIGCHLD)
	out := make(chan exited)
	go func() {
		for range wake {
			for {
				var c exited
				var err error
				c.pid, err = syscall.Wait4(-1, &c.status, syscall.WNOHANG|syscall.WUNTRACED, nil)
				if err == syscall.EINTR {
					continue
				}
				if err != nil || c.pid == 0 {
					break
				}
				out <- c
			}
		}
	}()
	return out
}

// startCommand starts the command in a process group of its own, in the foreground of the terminal if the caller was there.
func startCommand(s spec, command []string) (int, error) {
	if err := os.Chdir(s.Dir); err != nil {
		return 0, fmt.Errorf("enter the working directory in the lab: %w", err)
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return 0, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return 0, err
	}
	pid, err := syscall.ForkExec(path, command, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Foreground: s.Foreground, Ctty: 0},
	})
	if err != nil {
		return 0, &os.PathError{Op: "start", Path: path, Err: err}
	}
	return pid, nil
}
