package logs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/kukeon/kuke/planner/state/durable"
)

// Exit is how a task ended. The process that writes its log notes it beside that, where the program asks for it: whoever else
// could tell is gone after a power cut, and so is what containerd knew.
type Exit struct {
	// Code is that of the process, or 128 and the number of the signal that ended it.
	Code uint32    `json:"code"`
	At   time.Time `json:"at"`
}

// exitFile returns the name of the file beside a log that tells how the task ended.
func exitFile(log string) string { return log + ".exit" }

// ReadExit returns how the task that wrote the log ended, or nil where nobody has noted it so that it can be read.
func ReadExit(log string) (*Exit, error) {
	data, err := durable.ReadFile(exitFile(log))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read how a task ended: %w", err)
	}
	exit := new(Exit)
	if json.Unmarshal(data, exit) != nil || exit.At.IsZero() {
		return nil, nil
	}
	return exit, nil
}

// ForgetExit makes room for the exit of the next task.
func ForgetExit(log string) error {
	if err := durable.Remove(exitFile(log)); err != nil {
		return fmt.Errorf("forget how a task ended: %w", err)
	}
	return nil
}

// DisregardExit keeps the exit of the task that runs from being noted, unless it has been: that task is about to be ended, which
// says nothing of its work.
func DisregardExit(log string) error {
	if _, err := os.Lstat(exitFile(log)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return writeExit(log, Exit{})
}

func writeExit(log string, exit Exit) error {
	data, err := json.Marshal(exit)
	if err != nil {
		return err
	}
	return durable.WriteFile(exitFile(log), append(data, '\n'), fileMode)
}

// exitNoter notes how a task ends, and lets the process end only between two steps of that.
type exitNoter struct {
	log func() string // where the log is by now
	mu  sync.Mutex
	// initFile tells the name of the host's first process.
	initFile string
}

func newExitNoter(log func() string) *exitNoter {
	return &exitNoter{log: log, initFile: "/proc/1/comm"}
}

// goingDown reports whether the host is shut down, which asks every process to end: that says nothing of the work of one.
// systemd makes way for a program of its own before it does so.
func (n *exitNoter) goingDown() bool {
	name, err := os.ReadFile(n.initFile)
	return err == nil && strings.HasPrefix(string(name), "systemd-shutdow") // the kernel keeps 15 characters
}

// note waits for the end of the task, which wait tells, and writes it down. What can't be written is left, as an exit that
// nobody has seen.
func (n *exitNoter) note(wait func() (Exit, error)) {
	exit, err := wait()
	if err != nil || n.goingDown() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	log := n.log()
	// The log of a container that is removed is gone.
	if _, err := os.Lstat(log); err != nil {
		return
	}
	if _, err := os.Lstat(exitFile(log)); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	_ = writeExit(log, exit)
}
