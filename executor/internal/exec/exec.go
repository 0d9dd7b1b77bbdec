// Package exec runs commands in running containers, and either captures their output or connects them to the caller.
package exec

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/spec"
	"github.com/kukeon/kuke/executor/internal/task"
)

const (
	// outputLimit is the size of the end of a command's output that is kept, in bytes.
	outputLimit = 4 << 10
	// drainLooks and drainPause limit the wait for the end of a command's output after its exit: see awaitOutput.
	drainLooks = 10
	drainPause = 50 * time.Millisecond
	// firstDelete and lastDelete limit the calls to delete a process, except the last: see deleteProcess.
	firstDelete = 500 * time.Millisecond
	lastDelete  = 16 * time.Second
)

// Result is the result of a command.
type Result struct {
	// ExitCode is 128 plus the number of the signal for a command that was ended by a signal.
	ExitCode uint32
	// Output is the last 4 KiB of its output, with both streams interleaved.
	Output []byte
}

// Capture runs a command in the running task of the container, with the user, the directory, the environment and the
// privileges of its first process, and waits for its end. When the timeout is over, or ctx ends, the command is killed with
// its descendants, and the error wraps [context.DeadlineExceeded], or the error of ctx; the result holds the output in
// these cases too. A timeout of 0 is none. Background processes that the command leaves behind keep running.
//
// A container that is missing or has no task is errdefs.ErrNotFound, one whose task doesn't run
// errdefs.ErrFailedPrecondition.
func Capture(ctx context.Context, c *client.Client, ns, id string, args []string, timeout time.Duration) (Result, error) {
	result, err := capture(client.In(ctx, ns), c, id, args, timeout)
	return result, client.Wrap(client.Readable(err), "run a command in container %s", id)
}

func capture(ctx context.Context, c *client.Client, id string, args []string, timeout time.Duration) (Result, error) {
	spec, err := processSpec(ctx, c, id, args)
	if err != nil {
		return Result{}, err
	}
	task, err := runningTask(ctx, c, id)
	if err != nil {
		return Result{}, err
	}
	fifos, err := fifoDir(ctx, c, id)
	if err != nil {
		return Result{}, err
	}
	output := &tail{limit: outputLimit}
	// containerd may carry out a cancelled call nevertheless, and runc, killed in the middle of it, leaves an orphaned
	// process.
	whole := client.Detached(ctx)
	process, err := task.Exec(whole, execPrefix+rand.Text(), spec, cio.NewCreator(fifos, cio.WithStreams(nil, output, output)))
	if err != nil {
		return Result{}, errors.Join(err, stoppedMeanwhile(whole, task))
	}
	code, err := runProcess(ctx, process, spec, timeout)
	if errdefs.IsNotFound(err) || errdefs.IsUnknown(err) {
		err = errors.Join(err, stoppedMeanwhile(whole, task))
	}
	return Result{ExitCode: code, Output: output.bytes()}, err
}

type execTimeoutError struct{ timeout time.Duration }

func (e *execTimeoutError) Error() string { return fmt.Sprintf("it didn't end within %s", e.timeout) }

func (e *execTimeoutError) Unwrap() error { return context.DeadlineExceeded }

// processSpec returns the spec of the first process of the container with other arguments.
func processSpec(ctx context.Context, c *client.Client, id string, args []string) (*specs.Process, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("there is nothing to run: %w", errdefs.ErrInvalidArgument)
	}
	record, err := c.Containerd.ContainerService().Get(ctx, id)
	if err != nil {
		return nil, err
	}
	spec, err := spec.Of(record)
	if err != nil {
		return nil, err
	}
	if spec.Process == nil {
		return nil, fmt.Errorf("its spec has no process: %w", errdefs.ErrFailedPrecondition)
	}
	spec.Process.Args, spec.Process.CommandLine = args, ""
	spec.Process.Terminal, spec.Process.ConsoleSize = false, nil
	return spec.Process, nil
}

func runningTask(ctx context.Context, c *client.Client, id string) (containerd.Task, error) {
	container, err := c.Containerd.LoadContainer(ctx, id)
	if err != nil {
		return nil, err
	}
	task, err := container.Task(ctx, nil)
	if err != nil {
		return nil, err
	}
	status, err := task.Status(ctx)
	if err == nil && status.Status == containerd.Unknown {
		// The daemon, which knows the deadline, may be the first to give up, and then does not know the state of the task.
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
	if err == nil && status.Status != containerd.Running {
		err = fmt.Errorf("it is %s: %w", status.Status, errdefs.ErrFailedPrecondition)
	}
	return task, err
}

// stoppedMeanwhile returns an error when the task has stopped, for which the runtime has no code.
func stoppedMeanwhile(ctx context.Context, t containerd.Task) error {
	if task.Ended(ctx, t) {
		return fmt.Errorf("the container has stopped: %w", errdefs.ErrFailedPrecondition)
	}
	return nil
}

// runProcess runs a process until it ends, ctx ends, or the timeout is over, which begins with its start: the time for the
// start depends on the host and not on the command. It removes the process.
func runProcess(ctx context.Context, process containerd.Process, spec *specs.Process, timeout time.Duration) (code uint32, err error) {
	// The start is never interrupted, and the exit of a killed process is awaited too.
	whole, cancel := context.WithCancel(client.Detached(ctx))
	defer cancel()
	defer func() { err = errors.Join(err, removeProcess(whole, process)) }()
	exited, err := process.Wait(whole)
	if err != nil {
		return 0, err
	}
	if err := startProcess(whole, process, spec); err != nil {
		return 0, err
	}
	limited, stop := ctx, context.CancelFunc(func() {})
	if timeout > 0 {
		limited, stop = context.WithTimeoutCause(ctx, timeout, &execTimeoutError{timeout})
	}
	defer stop()
	select {
	case status := <-exited:
		return status.ExitCode(), errgrpc.ToNative(status.Error())
	case <-limited.Done():
	}
	code, err = killProcess(whole, process, exited)
	return code, errors.Join(context.Cause(limited), err)
}

// killProcess kills a process with its descendants, which would keep running otherwise.
func killProcess(ctx context.Context, process containerd.Process, exited <-chan containerd.ExitStatus) (code uint32, err error) {
	family := descendants(int(process.Pid()))
	if err := process.Kill(ctx, syscall.SIGKILL); client.Gone(err) != nil {
		return 0, fmt.Errorf("kill it: %w", err)
	}
	for _, pid := range family {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return 0, fmt.Errorf("kill pid %d, which it started: %w", pid, err)
		}
	}
	timer := time.NewTimer(task.KillTimeout)
	defer timer.Stop()
	select {
	case status := <-exited:
		return status.ExitCode(), client.Gone(errgrpc.ToNative(status.Error()))
	case <-timer.C:
		return 0, fmt.Errorf("it is still there %s after SIGKILL", task.KillTimeout)
	}
}

func descendants(pid int) (pids []int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range files {
		// A process that has just ended has no children any more.
		data, _ := os.ReadFile(file)
		for _, field := range strings.Fields(string(data)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(append(pids, child), descendants(child)...)
			}
		}
	}
	return pids
}

// removeProcess waits for the rest of the output, for a limited time, and removes a process that has ended or never
// started.
func removeProcess(ctx context.Context, process containerd.Process) error {
	rest := awaitOutput(ctx, process, drainPause, func() int64 { return 0 })
	err := deleteProcess(ctx, process)
	// Deleting does this only when it succeeds. After that these calls do nothing.
	process.IO().Cancel()
	<-rest
	_ = process.IO().Close()
	return client.Wrap(client.Gone(err), "remove its process")
}

// awaitOutput waits for the rest of the output of a process that has ended, and returns a channel that is closed once all
// of it has come. A background process that it left may keep the output open for ever: awaitOutput gives up when the shim,
// which passes the output on, has answered drainLooks questions, one pause apart, without new output. A host that passes
// the output on slowly also answers slowly. progress returns a number that changes with new output.
func awaitOutput(ctx context.Context, process containerd.Process, pause time.Duration, progress func() int64) <-chan struct{} {
	drained := make(chan struct{})
	go func() {
		process.IO().Wait()
		close(drained)
	}()
	before := progress()
	for looks := 0; looks < drainLooks; looks++ {
		select {
		case <-drained:
			return drained
		case <-ctx.Done():
			return drained
		case <-time.After(pause):
		}
		if now := progress(); now != before {
			looks, before = 0, now
		}
		if _, err := process.Status(ctx); client.CutShort(ctx, err) {
			return drained // any other error is an answer
		}
	}
	return drained
}

// deleteProcess removes a process. The shim waits up to 10 seconds for the rest of the output, or until the call is over,
// and then removes the process anyway. So the first calls are short; on a busy host a short call may not even reach the
// shim, and another must follow.
func deleteProcess(ctx context.Context, process containerd.Process) error {
	for limit := firstDelete; limit <= lastDelete; limit *= 2 {
		brief, cancel := context.WithTimeout(ctx, limit)
		_, err := process.Delete(brief)
		late := client.CutShort(brief, err)
		cancel()
		if !late || ctx.Err() != nil {
			return err
		}
	}
	_, err := process.Delete(ctx)
	return err
}

// tail keeps the end of the data that several writers write.
type tail struct {
	mu    sync.Mutex
	data  []byte
	limit int
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if excess := len(t.data) - t.limit; excess > 0 {
		t.data = append(t.data[:0], t.data[excess:]...)
	}
	return len(p), nil
}

func (t *tail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]byte(nil), t.data...)
}

// startProcess starts a process in a running container, with the OOM score of its spec.
func startProcess(ctx context.Context, process containerd.Process, spec *specs.Process) error {
	if err := process.Start(ctx); err != nil {
		return err
	}
	return task.AdjustOOMScore(process.Pid(), spec)
}
