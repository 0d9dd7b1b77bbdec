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

// The exit statuses of exec for a command that could not be run, as in a shell.
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
		Long: "exec runs a command in a running container, with the user and the privileges of the container. All arguments after\n" +
			"the container belong to the command, including flags. Without -t, exec passes Ctrl-C and SIGTERM on; a second\n" +
			"Ctrl-C kills the command.\n" +
			"\n" +
			"Exit status: that of the command, 127 if it does not exist, 126 if it cannot be executed.",
		Example: "  kuke exec -it main/default/blog/web/nginx sh\n  kuke exec --realm main --stack blog --cell web nginx nginx -t\n  kuke exec -u 1000 -e LANG=C -w /srv main/default/blog/web/nginx ls -l",
		Args:    cobra.MinimumNArgs(2),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.exec(cmd.Context(), o, args) },
	}
	f := cmd.Flags()
	f.SetInterspersed(false)
	f.BoolVarP(&o.stdin, "interactive", "i", false, "standard input for the command")
	f.BoolVarP(&o.terminal, "tty", "t", false, "terminal for the command")
	f.BoolVarP(&o.detach, "detach", "d", false, "command in the background")
	f.StringVarP(&o.user, "user", "u", "", "`user`: name, uid, name:group or uid:gid (default: that of the container)")
	f.StringVarP(&o.dir, "workdir", "w", "", "working `directory` in the container (default: that of the container)")
	f.StringArrayVarP(&o.env, "env", "e", nil, "additional environment variable, `NAME=VALUE`; repeatable")
	o.addScopeFlags(cmd)
	return cmd
}

func (a *app) exec(ctx context.Context, o *execOptions, args []string) error {
	if o.terminal && (!term.IsTerminal(int(a.stdin.Fd())) || !o.stdin) {
		return errors.New("--tty needs a terminal as standard input, and --interactive to pass it on: leave out -t, or use -it on a terminal")
	}
	if o.detach && (o.stdin || o.terminal) {
		return errors.New("--detach has no terminal and no standard input: leave out -i and -t")
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
		Short: "Attach to the output of a container until it exits",
		Long: "attach prints the output of a container from now on, passes signals on to its first process, and exits with the\n" +
			"status of the container.",
		Example: "  kuke attach main/default/blog/web/nginx",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.attach(cmd.Context(), o, args[0], proxy) },
	}
	o.addScopeFlags(cmd)
	cmd.Flags().BoolVar(&proxy, "sig-proxy", true, "signals for the container; with --sig-proxy=false they end attach")
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
	executor.LogSettles() // the last lines are on their way
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
