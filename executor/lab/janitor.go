package lab

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cleanPatience limits the wait for the end of the lab's processes.
const cleanPatience = 30 * time.Second

// startJanitor starts the process that cleans up when the lifeline ends. It shares no session with the caller, so that it is
// not killed with it, and no output, which could keep a reader waiting.
func startJanitor(s spec, lifeline *os.File) (*exec.Cmd, error) {
	args, err := s.args(stageJanitor)
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{
		Path: self, Args: args, Dir: "/", Env: []string{}, Stdin: lifeline,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the janitor: %w", err)
	}
	return cmd, nil
}

// janitor waits for the end of the caller, then kills the lab's remaining processes and removes its cgroups. It returns the
// exit code.
func janitor(s spec) int {
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	_, _ = io.Copy(io.Discard, os.Stdin)
	if clean(s) != nil {
		return 1
	}
	return 0
}

// clean kills every process in the lab's cgroups and removes the cgroups, trying again while processes are exiting.
func clean(s spec) error {
	deadline := time.Now().Add(cleanPatience)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		var left error
		for _, h := range s.Cgroups {
			// Each hierarchy in every round: a process frozen in one of them does not die and
			// keeps its cgroups in the others.
			h.kill(s.Name)
		}
		for _, h := range s.Cgroups {
			if err := removeTree(h.path(s.Name)); err != nil {
				left = err
			}
		}
		if left == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("clean up after the lab: %w", left)
		}
		time.Sleep(pause)
	}
}
