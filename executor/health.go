package executor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/exec"
	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/executor/internal/probe"
	"github.com/kukeon/kuke/executor/internal/secrets"
	"github.com/kukeon/kuke/executor/internal/task"
	"github.com/kukeon/kuke/planner/state"
)

// await waits until the container meets the condition, healthy or completed, and records the result.
func (k containerKind) await(ctx context.Context, after *state.Record, condition resource.Condition) error {
	if k.executor.withheld(after) {
		return nil
	}
	r := *after
	if now := k.executor.store.Record(after.Path); now != nil {
		r = *now
		r.Status.ImageHealthcheck = after.Status.ImageHealthcheck
	}
	health, err := k.wait(ctx, &r, condition)
	err = k.executor.secrets.Redact(err) // it is recorded
	if ctx.Err() != nil && k.executor.rehearsal {
		return fmt.Errorf("the time was over before container %s was ready: %w", r.Path, err)
	}
	if ctx.Err() != nil {
		return givenUp(r.Path, condition)
	}
	r.Status.Health = &state.Health{State: health}
	if err != nil {
		r.Status.Health = &state.Health{State: state.Unhealthy, Detail: err.Error()}
		err = fmt.Errorf("container %s: %w", r.Path, err)
	}
	return errors.Join(err, k.executor.record(&r, false))
}

// givenUp is the error of a wait that the user has interrupted, which says nothing of the container.
func givenUp(p resource.Path, condition resource.Condition) error {
	wait, again := "become healthy", "checks it"
	if condition == resource.Completed {
		wait, again = "complete", "waits for it"
	}
	return fmt.Errorf("interrupted while waiting for container %s to %s. It keeps running, and the next apply %s again", p, wait, again)
}

func (k containerKind) wait(ctx context.Context, r *state.Record, condition resource.Condition) (string, error) {
	if condition == resource.Healthy {
		return state.Healthy, k.healthy(ctx, r, r.Healthcheck())
	}
	exit, err := task.Wait(ctx, k.executor.containerd, r.Status.Namespace, r.Status.ContainerID)
	if err != nil {
		return "", err
	}
	// The record also serves after a reboot, in which the task is lost.
	r.Status.Exit = &state.Exit{Code: exit.Code, At: exit.At.UTC().Truncate(time.Millisecond)}
	if exit.Code != 0 {
		err = fmt.Errorf("it did not complete: %w", k.exitError(r, exit.Code, nil))
	}
	return state.Completed, err
}

// healthy runs the healthcheck until it succeeds, or has failed as often in a row as it may. Failures within one interval count
// once: a container has the same time however often it is checked. A container that has ended and that containerd restarts has as
// much time as one whose healthcheck fails.
func (k containerKind) healthy(ctx context.Context, r *state.Record, check *resource.Healthcheck) error {
	begin := time.Now()
	var counted time.Time
	for failed := 0; ; {
		at := time.Now()
		err := k.probe(ctx, r, check)
		if err == nil {
			return nil
		}
		if over, again := k.over(ctx, r, err); over != nil {
			if err = over; !again {
				return err
			}
		}
		if at.Sub(begin) >= check.StartPeriod() && (failed == 0 || at.Sub(counted) >= check.Interval()) {
			counted = at
			if failed++; failed >= check.Tries() {
				return fmt.Errorf("its healthcheck failed %d times: %w", failed, err)
			}
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(check.StartInterval(time.Since(begin))):
		}
	}
}

// over returns the exit of the container whose healthcheck has failed, nil where it runs, and whether containerd restarts
// it.
func (k containerKind) over(ctx context.Context, r *state.Record, failed error) (over error, again bool) {
	found, err := k.executor.find(ctx, r.Status.Namespace, func(c containers.Container) bool { return c.ID == r.Status.ContainerID })
	if err != nil || ctx.Err() != nil {
		return nil, false
	}
	if found != nil && (found.Status == containers.StatusRunning || found.Status == containers.StatusPaused) {
		return nil, false
	}
	if found == nil {
		return failed, false
	}
	// The container has no task while the monitor makes a new one.
	return k.notRunning(r, found, errdefs.ErrFailedPrecondition), restarts(found)
}

// restarts reports whether containerd's restart monitor restarts the container, which doesn't run.
func restarts(c *containers.Container) bool {
	policy, most, _ := strings.Cut(c.RestartPolicy, ":")
	switch limit, err := strconv.Atoi(most); {
	case policy == "" || policy == "no":
		return false
	case policy != "on-failure":
		return true
	case c.Status == containers.StatusStopped && c.ExitCode == 0:
		return false
	default:
		return err != nil || c.RestartCount < limit
	}
}

// errNotRunning is the error of a healthcheck in a container that doesn't run; see over.
var errNotRunning = fmt.Errorf("it is not running: %w", errdefs.ErrFailedPrecondition)

func (k containerKind) probe(ctx context.Context, r *state.Record, check *resource.Healthcheck) error {
	found, err := k.executor.find(ctx, r.Status.Namespace, func(c containers.Container) bool { return c.ID == r.Status.ContainerID })
	if err != nil {
		return err
	}
	if found == nil || found.Status != containers.StatusRunning {
		return errNotRunning
	}
	return k.probeRunning(ctx, r, check)
}

// probeRunning runs the healthcheck once in a container that runs.
func (k containerKind) probeRunning(ctx context.Context, r *state.Record, check *resource.Healthcheck) error {
	if len(check.Exec) > 0 {
		return k.probeExec(ctx, r, check)
	}
	ctx, cancel := context.WithTimeout(ctx, check.Timeout())
	defer cancel()
	cell := r.Path.Parent()
	pin := netns.Path(k.executor.cellID(cell))
	if r := k.executor.store.Record(cell); r != nil && r.Status.Attachment.OnHost() {
		pin = netns.OfProcess(os.Getpid())
	}
	from := probe.Cell{Pin: pin, Hosts: k.executor.store.NetworkFile(cell, state.HostsFile)}
	if check.TCP != "" {
		return from.Connect(ctx, check.TCP)
	}
	return from.Fetch(ctx, check.HTTP)
}

func (k containerKind) probeExec(ctx context.Context, r *state.Record, check *resource.Healthcheck) error {
	var args []string
	for _, text := range check.Exec {
		arg, ok := k.executor.secrets.Open(text)
		if !ok {
			return secrets.UnknownValue(r.Path, "healthcheck.exec")
		}
		args = append(args, arg)
	}
	result, err := exec.Capture(ctx, k.executor.containerd, r.Status.Namespace, r.Status.ContainerID, args, check.Timeout())
	switch {
	case err != nil || result.ExitCode == 0:
		return k.executor.explain(r, err)
	case !slices.Equal(args, check.Exec):
		return &commandError{code: result.ExitCode} // the output may hold the sensitive arguments
	}
	return &commandError{name: args[0], code: result.ExitCode, output: result.Output}
}

// lastLine returns the last line of the output of a healthcheck, for a message.
func lastLine(output []byte) string {
	lines := bytes.Split(bytes.TrimSpace(output), []byte("\n"))
	if last := string(lines[len(lines)-1]); last != "" {
		return ": " + last
	}
	return ""
}
