package network

import (
	"bytes"
	"context"
	"encoding/json"
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
type plugins struct{ *invoke.DefaultExec }

// ExecPlugin implements [invoke.Exec].
func (plugins) ExecPlugin(ctx context.Context, plugin string, stdin []byte, environ []string) ([]byte, error) {
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
// finished.
func apart(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}
