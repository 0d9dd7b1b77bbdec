package exec

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/rootfs"
	"github.com/kukeon/kuke/executor/internal/task"
)

// Session is a command in a container whose input and output are connected to the caller.
type Session struct {
	Args []string
	// User and Dir replace those of the container's first process, where not empty; Env is added to its environment.
	User, Dir string
	Env       []string
	// Stdin may be nil. Input that is read after the end of the command is lost.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Terminal gives the command a terminal of its own; then its whole output goes to Stdout.
	Terminal bool
	// Size is the size of the terminal at the start; Sizes takes its changes; Signals takes the signals to send to the
	// command.
	Size    Size
	Sizes   <-chan Size
	Signals <-chan syscall.Signal
	// Detach makes Run return once the command runs, which then has neither input nor output.
	Detach bool
}

// Size is the size of a terminal, in characters.
type Size struct{ Width, Height uint32 }

// signalBase is added to the number of the signal that ended a process, for its exit code.
const signalBase = 128

// idlePause is the pause of awaitOutput for output that the caller sees.
const idlePause = 300 * time.Millisecond

// Run runs a command in the running task of the container, with the privileges of its first process, and returns its exit
// code, which is 128 plus the number of the signal for a command that was ended by a signal. When ctx ends, Run kills the
// command and gives up output that can't be written at once: a write may continue after Run has returned. A command whose
// output nobody reads any more is killed, with the code of SIGPIPE; a failed write of its output kills it too, with an
// error. The errors are those of [Capture].
func Run(ctx context.Context, c *client.Client, ns, id string, s Session) (exitCode uint32, err error) {
	code, err := run(client.In(ctx, ns), c, id, s)
	return code, client.Wrap(client.Readable(err), "run a command in container %s", id)
}

func run(ctx context.Context, c *client.Client, id string, s Session) (uint32, error) {
	task, err := runningTask(ctx, c, id)
	if err != nil {
		return 0, err
	}
	spec, err := processSpec(ctx, c, id, s.Args)
	if err != nil {
		return 0, err
	}
	if err := s.applyTo(spec, task.Pid()); err != nil {
		return 0, err
	}
	seen := &activity{broken: make(chan struct{}), givenUp: make(chan struct{})}
	input := &closingReader{from: s.Stdin}
	whole := client.Detached(ctx) // as in Exec
	fifos, err := fifoDir(ctx, c, id)
	if err != nil {
		return 0, err
	}
	process, err := task.Exec(whole, execPrefix+rand.Text(), spec, s.streams(fifos, input, seen))
	if err != nil {
		return 0, errors.Join(err, stoppedMeanwhile(whole, task))
	}
	if s.Detach {
		if err := startProcess(whole, process, spec); err != nil {
			return 0, errors.Join(err, removeProcess(whole, process))
		}
		return 0, nil
	}
	return s.attend(ctx, process, spec, input, seen)
}

// applyTo changes the spec of the container's first process to that of the session.
func (s *Session) applyTo(spec *specs.Process, pid uint32) error {
	spec.Terminal = s.Terminal
	if s.Terminal && s.Size != (Size{}) {
		spec.ConsoleSize = &specs.Box{Width: uint(s.Size.Width), Height: uint(s.Size.Height)}
	}
	spec.Env = append(spec.Env, s.Env...)
	if s.Dir != "" {
		spec.Cwd = s.Dir
	}
	if s.User == "" {
		return nil
	}
	found, err := rootfs.FindUser("/proc/"+strconv.Itoa(int(pid))+"/root", s.User)
	if err != nil {
		return fmt.Errorf("user %s: %w: %w", s.User, err, errdefs.ErrInvalidArgument)
	}
	spec.User = specs.User{UID: uint32(found.Uid), GID: uint32(found.Gid)}
	for _, gid := range found.Sgids {
		spec.User.AdditionalGids = append(spec.User.AdditionalGids, uint32(gid))
	}
	return nil
}

func (s *Session) streams(fifos cio.Opt, input io.Reader, seen *activity) cio.Creator {
	if s.Detach {
		return cio.NullIO
	}
	if s.Stdin == nil {
		input = nil
	}
	if s.Terminal {
		return cio.NewCreator(fifos, cio.WithStreams(input, seen.watch(s.Stdout), nil), cio.WithTerminal)
	}
	return cio.NewCreator(fifos, cio.WithStreams(input, seen.watch(s.Stdout), seen.watch(s.Stderr)))
}

// attend starts the process and stays until it has ended and its whole output has come.
func (s *Session) attend(ctx context.Context, process containerd.Process, spec *specs.Process, input *closingReader, seen *activity) (code uint32, err error) {
	waiting, cancel := context.WithCancel(client.Detached(ctx))
	defer cancel()
	defer func() { err = errors.Join(err, removeProcess(waiting, process)) }()
	exited, err := process.Wait(waiting)
	if err != nil {
		return 0, err
	}
	if err := startProcess(waiting, process, spec); err != nil {
		return 0, err
	}
	// The shim ignores an end of the input before the start, and would wait for it for ever.
	input.atEnd(func() { _ = process.CloseIO(waiting, containerd.WithStdinCloser) })
	for {
		select {
		case status := <-exited:
			seen.drain(ctx, process)
			if ctx.Err() != nil {
				return status.ExitCode(), ctx.Err()
			}
			if _, err := seen.outcome(); err != nil {
				return 0, err
			}
			return status.ExitCode(), errgrpc.ToNative(status.Error())
		case size := <-s.Sizes:
			// A process that has just ended has no size any more.
			_ = process.Resize(waiting, size.Width, size.Height)
		case number := <-s.Signals:
			if err := process.Kill(waiting, number); client.Gone(err) != nil {
				_, killErr := seen.kill(waiting, process, exited)
				return 0, errors.Join(fmt.Errorf("send it %s: %w", task.SignalName(number), err), killErr)
			}
		case <-seen.broken:
			_, err := seen.kill(waiting, process, exited)
			code, why := seen.outcome()
			return code, errors.Join(why, err)
		case <-ctx.Done():
			code, err := seen.kill(waiting, process, exited)
			if err == nil {
				err = ctx.Err()
			}
			return code, err
		}
	}
}

// activity records the time of the last output, and whether output is being written.
type activity struct {
	last, busy atomic.Int64
	// broken is closed once output couldn't be written, because of err.
	broken chan struct{}
	once   sync.Once
	err    error
	// givenUp is closed once no more output has to be written.
	givenUp chan struct{}
}

func (a *activity) watch(to io.Writer) io.Writer { return &watchedWriter{to: to, seen: a} }

// kill kills the process. A reader who no longer reads the output delays nothing.
func (a *activity) kill(ctx context.Context, process containerd.Process, exited <-chan containerd.ExitStatus) (uint32, error) {
	defer close(a.givenUp)
	return killProcess(ctx, process, exited)
}

// outcome is the outcome of a command whose output couldn't be written. Where nobody reads it any more, it is that of a
// command that writes into a closed pipe itself.
func (a *activity) outcome() (code uint32, err error) {
	select {
	case <-a.broken:
	default:
		return 0, nil
	}
	if errors.Is(a.err, syscall.EPIPE) || errors.Is(a.err, os.ErrClosed) {
		return signalBase + uint32(syscall.SIGPIPE), nil
	}
	return 0, fmt.Errorf("print its output: %w", a.err)
}

// drain waits for the rest of the output of a process that has ended, unless ctx ends.
func (a *activity) drain(ctx context.Context, process containerd.Process) {
	awaitOutput(ctx, process, idlePause, func() int64 {
		if a.busy.Load() > 0 {
			return time.Now().UnixNano() // the reader is slow
		}
		return a.last.Load()
	})
	if ctx.Err() != nil {
		close(a.givenUp)
	}
}

type watchedWriter struct {
	to   io.Writer
	seen *activity
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	w.seen.busy.Add(1)
	defer w.seen.busy.Add(-1)
	written := make(chan error, 1)
	// A given-up write continues, and the caller reuses p.
	data := bytes.Clone(p)
	go func() {
		_, err := w.to.Write(data)
		written <- err
	}()
	select {
	case err := <-written:
		w.seen.last.Store(time.Now().UnixNano())
		if err != nil {
			w.seen.once.Do(func() {
				w.seen.err = err
				close(w.seen.broken)
			})
		}
	case <-w.seen.givenUp:
	}
	return len(p), nil // given-up output is dropped
}

// closingReader calls a function at the end of its source, which may come before the function is set.
type closingReader struct {
	from  io.Reader
	ended atomic.Bool
	close atomic.Pointer[func()]
}

func (r *closingReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if err != nil {
		r.ended.Store(true)
		r.callOnce()
	}
	return n, err
}

func (r *closingReader) atEnd(f func()) {
	r.close.Store(&f)
	if r.ended.Load() {
		r.callOnce()
	}
}

func (r *closingReader) callOnce() {
	if f := r.close.Swap(nil); f != nil {
		(*f)()
	}
}
