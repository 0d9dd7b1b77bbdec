// Package program runs programs of the host as root: it restricts their environment, and refuses programs that another user
// could replace.
package program

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// systemDirs hold root's programs, and may be missing in PATH.
var systemDirs = []string{"/usr/local/sbin", "/usr/sbin", "/sbin"}

// Environment returns the environment for programs of the host: kuke's PATH, with the directories of root's programs. Other
// variables may be the values of secrets.
func Environment() []string {
	return []string{"PATH=" + strings.Join(append([]string{os.Getenv("PATH")}, systemDirs...), string(os.PathListSeparator))}
}

// Command is [exec.CommandContext] for a program of the host: with [Environment], and in a process group of its own, so that
// Ctrl-C does not interrupt it. When ctx ends, the program is killed with its children, which would hold its output open
// otherwise.
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
