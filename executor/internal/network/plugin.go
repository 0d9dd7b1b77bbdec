package network

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
)

// plugins runs CNI plugins with root's programs in their PATH, as portmap runs iptables. What they say on standard error
// is left out where they say something on standard output, as their errors come there.
type plugins struct {
	*invoke.DefaultExec
	timeout time.Duration
}

// pluginTimeoutError says that a plugin was killed because it did not end.
type pluginTimeoutError struct {
	program string
	timeout time.Duration
}

// Error names the plugin and the remedy.
func (e *pluginTimeoutError) Error() string {
	return fmt.Sprintf("CNI plugin %s did not end within %s and was killed. Look for what it waits for, or wait longer with --call-timeout", e.program, e.timeout)
}

// ExecPlugin implements [invoke.Exec].
func (p plugins) ExecPlugin(ctx context.Context, plugin string, stdin []byte, environ []string) ([]byte, error) {
	if p.timeout > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, p.timeout, &pluginTimeoutError{plugin, p.timeout})
		defer cancel()
		ctx = limited
	}
	path := strings.Join(append([]string{os.Getenv("PATH")}, systemDirs...), string(os.PathListSeparator))
	cmd := exec.CommandContext(ctx, plugin)
	// Of several values the last one counts.
	cmd.Env = append(slices.Clone(environ), "PATH="+path)
	cmd.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begin := time.Now()
	err := apart(cmd).Run()
	slog.DebugContext(ctx, "ran CNI plugin", "program", plugin, "took", time.Since(begin), "failed", err != nil)
	if err == nil {
		return stdout.Bytes(), nil
	}
	if late := (*pluginTimeoutError)(nil); errors.As(context.Cause(ctx), &late) {
		return nil, late
	}
	said := &types.Error{}
	if stdout.Len() > 0 && json.Unmarshal(stdout.Bytes(), said) == nil {
		return nil, said
	}
	if text := strings.TrimSpace(stdout.String() + stderr.String()); text != "" {
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	return nil, err
}

// apart keeps the Ctrl-C of a terminal, which goes to all of a process group, from the command: what is under way is
// finished. When the command's context ends, it is killed with the programs that it started, which would hold its output
// open otherwise.
func apart(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if cmd.Cancel != nil {
		cmd.Cancel = func() error {
			if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
				return err
			}
			return os.ErrProcessDone
		}
	}
	return cmd
}
