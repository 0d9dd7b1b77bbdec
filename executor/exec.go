package executor

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"

	"github.com/kukeon/kuke/executor/internal/exec"
	"github.com/kukeon/kuke/executor/internal/task"
	"github.com/kukeon/kuke/planner/state"
)

// Session is a command in a container whose input and output are connected to the caller.
type Session = exec.Session

// TerminalSize is the size of a terminal, in characters.
type TerminalSize = exec.Size

// Run runs a command in the recorded container and returns its exit code. For a container that doesn't run, the error is
// errdefs.ErrNotFound or errdefs.ErrFailedPrecondition.
func (e *Executor) Run(ctx context.Context, r *state.Record, s Session) (exitCode uint32, err error) {
	frozen, _, err := e.cgroups.Frozen(r.Status.Cgroup)
	if err != nil {
		return 0, err
	}
	if frozen {
		return 0, fmt.Errorf("container %s is frozen: %w", r.Path, errdefs.ErrFailedPrecondition)
	}
	code, err := exec.Run(ctx, e.containerd, r.Status.Namespace, r.Status.ContainerID, s)
	return code, e.explain(r, err)
}

// Signal sends a signal to the first process of the recorded container.
func (e *Executor) Signal(ctx context.Context, r *state.Record, signal string) error {
	_, err := task.Kill(ctx, e.containerd, r.Status.Namespace, r.Status.ContainerID, signal, false)
	return err
}

// Wait waits for the exit of the recorded container and returns its code.
func (e *Executor) Wait(ctx context.Context, r *state.Record) (exitCode uint32, err error) {
	exit, err := task.Wait(ctx, e.containerd, r.Status.Namespace, r.Status.ContainerID)
	return exit.Code, err
}
