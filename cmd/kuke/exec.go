package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/containerd/errdefs"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/kukeon/kuke/cmd/kuke/look"
	"github.com/kukeon/kuke/cmd/kuke/tty"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner/state"
)

// What exec exits with when the command could not be run, as a shell does.
const (
	exitNotExecutable exitCode = 126
	exitNotFound      exitCode = 127
)

type execOptions struct {
	scopeOptions
	stdin, terminal, detach bool
	user, dir               string
	env                     []string
}

func newExec(a *app) *cobra.Command {
	o := &execOptions{}
	cmd := &cobra.Command{
		Use:   "exec NAME|PATH COMMAND [ARG...]",
		Short: "Run a command in a container",
		Long: "exec runs a command in a running container, as its user and with its privileges, and exits with the command's\n" +
			"status: 127 when there is no such command, 126 when it can't be executed. What follows the container is the\n" +
			"command's, flags included. Without -t, Ctrl-C and SIGTERM are passed on; a second Ctrl-C kills the command.",
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.exec(cmd.Context(), o, args) },
	}
	f := cmd.Flags()
	f.SetInterspersed(false)
	f.BoolVarP(&o.stdin, "interactive", "i", false, "pass standard input on")
	f.BoolVarP(&o.terminal, "tty", "t", false, "give the command a terminal")
	f.BoolVarP(&o.detach, "detach", "d", false, "do not wait for the command")
	f.StringVarP(&o.user, "user", "u", "", "user to run as: name, uid, name:group or uid:gid (default: the container's)")
	f.StringVarP(&o.dir, "workdir", "w", "", "working directory in the container (default: the container's)")
	f.StringArrayVarP(&o.env, "env", "e", nil, "further environment variable, NAME=value; repeatable")
	o.addScopeFlags(cmd)
	return cmd
}

func (a *app) exec(ctx context.Context, o *execOptions, args []string) error {
	if o.terminal && (!term.IsTerminal(int(a.stdin.Fd())) || !o.stdin) {
		return errors.New("--tty needs a terminal as standard input, and --interactive to pass it on: leave out -t, or use -it on a terminal")
	}
	if o.detach && (o.stdin || o.terminal) {
		return errors.New("--detach leaves nobody to type: leave out -i and -t")
	}
	for _, e := range o.env {
		if _, _, err := resource.ParsePair(e); err != nil {
			return fmt.Errorf("--env: %w", err)
		}
	}
	record, exec, err := a.running(ctx, &o.scopeOptions, args[0])
	if err != nil {
		return err
	}
	defer exec.Close()
	words := args[1:]
	if words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		return errors.New("there is no command to run")
	}
	command := executor.Session{
		Args: words, User: o.user, Dir: o.dir, Env: o.env, Stdout: a.stdout, Stderr: a.stderr, Terminal: o.terminal, Detach: o.detach,
	}
	if o.stdin {
		command.Stdin = a.stdin
	}
	return a.runCommand(ctx, exec, record, command)
}

// running returns the record of a container by its name or path, and the executor that talks to its host.
func (a *app) running(ctx context.Context, o *scopeOptions, arg string) (*state.Record, *executor.Executor, error) {
	p, err := o.path(resource.KindContainer, arg)
	if err != nil {
		return nil, nil, err
	}
	return look.Container(ctx, &a.session, p)
}

// runCommand runs the command with this process's terminal and signals.
func (a *app) runCommand(ctx context.Context, exec *executor.Executor, record *state.Record, s executor.Session) error {
	// From here on signals are the command's.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	a.interrupts.stop()
	signals := make(chan syscall.Signal, 1)
	s.Signals = signals
	var restored atomic.Pointer[func()]
	stop := tty.PassSignals(signals, func() {
		cancel()
		exitSoon(func() {
			if restore := restored.Load(); restore != nil {
				(*restore)()
			}
		})
	})
	defer stop()
	if s.Terminal {
		if name := os.Getenv("TERM"); name != "" {
			s.Env = append([]string{"TERM=" + name}, s.Env...)
		}
		restore, err := tty.HandOver(a.stdin, &s)
		if err != nil {
			return err
		}
		restore = sync.OnceFunc(restore)
		restored.Store(&restore)
		defer restore()
	}
	code, err := exec.Run(ctx, record, s)
	switch {
	case err == nil && code == 0:
		return nil
	case err == nil, errors.Is(err, context.Canceled) && code != 0: // it was killed, as wanted
		return exitCode(code)
	case errors.Is(err, context.Canceled):
		return exitCode(exitInterrupted)
	case errdefs.IsNotFound(err) || errdefs.IsFailedPrecondition(err):
		return look.NotRunning(ctx, &a.session, exec, record, err)
	case strings.Contains(err.Error(), "executable file not found") || strings.Contains(err.Error(), "no such file or directory"):
		a.errs.Error(err, nil)
		return exitNotFound
	case strings.Contains(err.Error(), "permission denied"):
		a.errs.Error(err, nil)
		return exitNotExecutable
	}
	return err
}

func newAttach(a *app) *cobra.Command {
	o := &scopeOptions{}
	proxy := true
	cmd := &cobra.Command{
		Use:   "attach NAME|PATH",
		Short: "Follow a container until it ends",
		Long: "attach shows what a container prints from now on, passes signals on to its first process, and exits with its\n" +
			"status when it ends.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.attach(cmd.Context(), o, args[0], proxy) },
	}
	o.addScopeFlags(cmd)
	cmd.Flags().BoolVar(&proxy, "sig-proxy", true, "pass signals on to the container; otherwise they end attach")
	return cmd
}

func (a *app) attach(ctx context.Context, o *scopeOptions, arg string, proxy bool) error {
	record, exec, err := a.running(ctx, o, arg)
	if err != nil {
		return err
	}
	defer exec.Close()
	if proxy {
		a.interrupts.stop()
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		signals := make(chan syscall.Signal)
		defer tty.PassSignals(signals, func() {
			cancel()
			exitSoon(func() {})
		})()
		go func() {
			for {
				select {
				case number := <-signals:
					// One that has ended takes none: that is then seen below.
					_ = exec.Signal(ctx, record, unix.SignalName(number))
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	following, stop := context.WithCancel(ctx)
	defer stop()
	printer := a.out.Log(a.errs, []string{record.Path.Name()}, false)
	ended := make(chan error, 1)
	go func() {
		ended <- executor.ReadLog(following, state.NewStore(a.runPath).LogFile(record.Path), executor.LogOptions{Tail: 0, Follow: true}, func(e executor.LogEntry) error {
			printer.Print(0, e)
			return nil
		})
	}()
	code, err := exec.Wait(ctx, record)
	executor.LogSettles() // what was printed last is on its way
	stop()
	if logErr := <-ended; !errors.Is(logErr, context.Canceled) {
		err = errors.Join(err, logErr)
	}
	if err == nil {
		look.NoteLastRun(&a.session, record.Path)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return exitCode(exitInterrupted)
	case errdefs.IsNotFound(err):
		return look.NotRunning(ctx, &a.session, exec, record, err)
	case err != nil || code == 0:
		return err
	}
	return exitCode(code)
}
