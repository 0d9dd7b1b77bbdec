package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// forwarded are the signals that are forwarded to the command.
var forwarded = []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT}

// cancelGrace is the time between the end of the context and the end of the lab.
const cancelGrace = 10 * time.Second

// start creates the cgroups and the processes of one lab and waits for its end.
func start(ctx context.Context, o Options, s spec) (code int, err error) {
	// The kernel sends the parent-death signal at the end of the thread that started the child, not of the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	s.Name = fmt.Sprintf("%s%d-%s", cgroupPrefix, os.Getpid(), strings.ToLower(rand.Text()[:8]))
	o.Stdin, o.Stdout, o.Stderr = orDefault(o.Stdin, os.Stdin), orDefault(o.Stdout, os.Stdout), orDefault(o.Stderr, os.Stderr)
	tty := openTerminal(o.Stdin)
	s.Foreground = tty != nil

	lifeline, hold, err := os.Pipe()
	if err != nil {
		return 1, fmt.Errorf("start the lab: %w", err)
	}
	defer lifeline.Close()
	keeper, err := startJanitor(s, lifeline)
	if err != nil {
		_ = hold.Close()
		return 1, fmt.Errorf("start the lab: %w", err)
	}
	defer func() {
		_ = hold.Close()
		if keeper.Wait() != nil {
			// It was killed, or gave up: this process cleans up then.
			err = errors.Join(err, clean(s))
		}
	}()
	for _, h := range s.Cgroups {
		if err := h.create(s.Name); err != nil {
			return 1, fmt.Errorf("start the lab: %w", err)
		}
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, forwarded...)
	defer signal.Stop(signals)
	cmd, status, err := startInit(o, s, lifeline)
	if err != nil {
		return 1, fmt.Errorf("start the lab: %w", err)
	}
	defer status.Close()
	defer tty.restore()
	failure := forward(ctx, cmd.Process, signals, status)
	// Its pipe is closed, but init ends only after every process of its namespace, and the janitor may have to thaw some of
	// them first.
	_ = hold.Close()
	return result(ctx, cmd.Wait(), failure)
}

// startInit starts the first process inside, and returns the pipe for its error.
func startInit(o Options, s spec, lifeline *os.File) (*exec.Cmd, *os.File, error) {
	args, err := s.args(stageEnter, o.Command...)
	if err != nil {
		return nil, nil, err
	}
	status, report, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer report.Close()
	cmd := &exec.Cmd{
		Path: self, Args: args, Env: labEnv(o.Env, s.Containerd), Dir: "/",
		Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr,
		ExtraFiles: []*os.File{lifeline, report},
		SysProcAttr: &syscall.SysProcAttr{
			Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
			Pdeathsig:  unix.SIGKILL,
			Setpgid:    true, // Ctrl-C reaches the caller or the command, and the command only once
		},
	}
	if err := cmd.Start(); err != nil {
		_ = status.Close()
		if errors.Is(err, unix.EPERM) {
			err = fmt.Errorf("%w: creating namespaces is not allowed here. Run the container with --privileged", err)
		}
		return nil, nil, err
	}
	return cmd, status, nil
}

func orDefault(f, def *os.File) *os.File {
	if f == nil {
		return def
	}
	return f
}

// forward forwards signals until init closes its status pipe by exiting. It returns the error that init wrote.
func forward(ctx context.Context, init *os.Process, signals <-chan os.Signal, status io.Reader) string {
	failure := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(status)
		failure <- string(b)
	}()
	done := ctx.Done()
	var kill <-chan time.Time
	for {
		select {
		case sig := <-signals:
			_ = init.Signal(sig)
		case <-done:
			done, kill = nil, time.After(cancelGrace)
			_ = init.Signal(unix.SIGTERM)
		case <-kill:
			_ = init.Kill()
		case text := <-failure:
			return text
		}
	}
}

func result(ctx context.Context, waitErr error, failure string) (int, error) {
	var exit *exec.ExitError
	if waitErr != nil && !errors.As(waitErr, &exit) {
		return 1, fmt.Errorf("wait for the lab: %w", waitErr)
	}
	code := 0
	if exit != nil {
		code = exitCode(exit.Sys().(syscall.WaitStatus))
	}
	switch {
	case failure != "":
		return 1, fmt.Errorf("start the lab: %s", failure)
	case ctx.Err() != nil:
		return code, fmt.Errorf("the lab was stopped: %w", context.Cause(ctx))
	case exit != nil && !exit.Exited():
		return code, fmt.Errorf("the lab was destroyed: its init ended with %w", exit)
	}
	return code, nil
}

// exitCode returns the value of $? in a shell.
func exitCode(ws syscall.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}
