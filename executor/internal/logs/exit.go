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

// Exit is the exit of a task. The process that writes its log can record it beside the log: no other process and no record of
// containerd survives a power cut.
type Exit struct {
	// Code is the exit code of the process, or 128 plus the number of the signal that ended it.
	Code uint32    `json:"code"`
	At   time.Time `json:"at"`
}

// exitFile returns the name of the file beside a log that records the task's exit.
func exitFile(log string) string { return log + ".exit" }

// ReadExit returns the exit of the task that wrote the log, or nil where there is no valid record of it.
func ReadExit(log string) (*Exit, error) {
	data, err := durable.ReadFile(exitFile(log))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the exit of a task: %w", err)
	}
	exit := new(Exit)
	if json.Unmarshal(data, exit) != nil || exit.At.IsZero() {
		return nil, nil
	}
	return exit, nil
}

// ForgetExit removes the recorded exit before the next task.
func ForgetExit(log string) error {
	if err := durable.Remove(exitFile(log)); err != nil {
		return fmt.Errorf("forget the exit of a task: %w", err)
	}
	return nil
}

// DisregardExit keeps the exit of the running task from being recorded, unless it has been: the task is about to be stopped,
// which tells nothing about its work.
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

// exitNoter records the exit of a task. Its lock keeps the process from ending in the middle of that.
type exitNoter struct {
	log func() string // the present name of the log
	mu  sync.Mutex
	// initFile holds the name of the host's first process.
	initFile string
}

func newExitNoter(log func() string) *exitNoter {
	return &exitNoter{log: log, initFile: "/proc/1/comm"}
}

// goingDown reports whether the host is being shut down, which ends every process and tells nothing about the work of one.
// systemd is replaced by systemd-shutdown before that.
func (n *exitNoter) goingDown() bool {
	name, err := os.ReadFile(n.initFile)
	return err == nil && strings.HasPrefix(string(name), "systemd-shutdow") // the kernel keeps 15 characters
}

// note records the exit of the task, which wait returns. An exit that can't be written is dropped, like one that was not seen.
func (n *exitNoter) note(wait func() (Exit, error)) {
	exit, err := wait()
	if err != nil || n.goingDown() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	log := n.log()
	// A removed container has no log.
	if _, err := os.Lstat(log); err != nil {
		return
	}
	if _, err := os.Lstat(exitFile(log)); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	_ = writeExit(log, exit)
}
