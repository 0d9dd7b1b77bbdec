// Package program is about the programs of the host that root runs for kuke: which environment they get, and whether
// another user could replace them.
package program

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// systemDirs hold root's programs, and aren't in everybody's PATH.
var systemDirs = []string{"/usr/local/sbin", "/usr/sbin", "/sbin"}

// Environment returns what programs of the host get to see of kuke's environment: its PATH, with the directories of root's
// programs. Other variables may be the values of secrets.
func Environment() []string {
	return []string{"PATH=" + strings.Join(append([]string{os.Getenv("PATH")}, systemDirs...), string(os.PathListSeparator))}
}

// Command is [exec.CommandContext] for a program of the host: with [Environment], and apart from the Ctrl-C of a terminal,
// which goes to all of a process group: what is under way is finished. When ctx ends, the program is killed with those that
// it started, which would hold its output open otherwise.
func Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = Environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
			return err
		}
		return os.ErrProcessDone
	}
	return cmd
}
