package network

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"

	"github.com/kukeon/kuke/executor/program"
)

// plugins runs CNI plugins. Plugins report errors on standard output; standard error is used only where that is empty.
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
	return fmt.Sprintf("CNI plugin %s did not end within %s and was killed. Find out why it hangs, or wait longer with --call-timeout", e.program, e.timeout)
}

// ExecPlugin implements [invoke.Exec].
func (p plugins) ExecPlugin(ctx context.Context, plugin string, stdin []byte, environ []string) ([]byte, error) {
	if p.timeout > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, p.timeout, &pluginTimeoutError{plugin, p.timeout})
		defer cancel()
		ctx = limited
	}
	var stdout, stderr bytes.Buffer
	run := func() error {
		cmd := program.Command(ctx, plugin)
		cmd.Env = pluginEnvironment(environ)
		cmd.Stdin = bytes.NewReader(stdin)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		return cmd.Run()
	}
	begin := time.Now()
	err := run()
	// A terminal's Ctrl-C still reaches a program before it has its own process group and has begun.
	if interrupted(err) && stdout.Len()+stderr.Len() == 0 && ctx.Err() == nil {
		err = run()
	}
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

// interrupted reports whether a program was ended by SIGINT.
func interrupted(err error) bool {
	exit := (*exec.ExitError)(nil)
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGINT
}

// pluginEnvironment returns CNI's variables and those of the host's programs: portmap runs iptables. libcni puts the whole
// environment of kuke before them, with the values of secrets.
func pluginEnvironment(environ []string) []string {
	env := program.Environment()
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if slices.Contains(cniVariables, name) {
			env = append(env, pair) // of several values the last one counts
		}
	}
	return env
}

// cniVariables are the variables of the CNI specification.
var cniVariables = []string{"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_NETNS_OVERRIDE", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH"}
