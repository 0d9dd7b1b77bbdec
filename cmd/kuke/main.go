// Command kuke is Terraform for the containers of one Linux host: it shows the changes of a configuration, and makes
// exactly these.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"

	"github.com/containerd/log"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/cmd/kuke/remote"
	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/executor/lab"
)

// version is set by the build.
var version = "dev"

// The exit codes, beside those a command run by kuke lab ends with.
const (
	exitError       = 1
	exitChanges     = 2
	exitUnformatted = 3
	exitInterrupted = 130
)

// exitCode is an error whose text has been printed.
type exitCode int

func (exitCode) Error() string { return "" }

func main() {
	executor.Init()
	lab.Init()
	session.Init()
	// containerd's client also logs the errors that it returns.
	log.L.Logger.SetOutput(io.Discard)
	// Whoever reads the output may go away (kuke apply | head): that must not end a command in the middle of its work.
	// Unlike an ignored signal, a caught one is not handed down to the programs that are started.
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE)
	args, caller := remote.Init(os.Args[1:])
	os.Exit(run(context.Background(), args, caller))
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, caller *remote.Caller) int {
	a := &app{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, out: view.New(os.Stdout, false), errs: view.New(os.Stderr, false), caller: caller,
	}
	ctx, interrupts := watchInterrupts(ctx, a)
	defer interrupts.stop()
	a.interrupts = interrupts
	root := newRoot(a)
	a.args = twoDashes(root, args)
	root.SetArgs(a.args)
	cmd, err := root.ExecuteContextC(ctx)
	a.questions.End()
	if err == nil {
		err = a.unknown
	}
	if unwritten := a.out.Err(); err == nil && unwritten != nil {
		err = fmt.Errorf("print the output: %w", unwritten)
	}
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, session.ErrIncomplete) && interrupts.happened():
		return exitInterrupted
	case errors.Is(err, session.ErrIncomplete), errors.Is(err, session.ErrRehearsal):
		return exitError
	}
	if path := (*fs.PathError)(nil); errors.As(err, &path) && errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 && strings.HasPrefix(path.Path, a.runPath) {
		err = fmt.Errorf("%w: the state belongs to root. Run kuke with sudo", err)
	}
	a.tell(cmd, err)
	if interrupts.happened() {
		return exitInterrupted
	}
	return exitError
}

// tell prints an error, as JSON where the command prints its result so.
func (a *app) tell(cmd *cobra.Command, err error) {
	switch {
	case a.out.Err() != nil: // nobody would see it there
	case streams(cmd):
		a.messages().Error(err, a.session.Sources)
		return
	case cmd.Name() == "validate" && asJSON(cmd):
		var ds resource.Diagnostics
		if !errors.As(err, &ds) {
			ds.Errorf(resource.Range{}, "", "Error", "%v", err)
		}
		if a.out.ValidationJSON(ds, a.session.Sources) == nil {
			return
		}
	}
	a.errs.Error(err, a.session.Sources)
}
