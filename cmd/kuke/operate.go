package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
)

// imperativeOptions are the options of the commands for single resources.
type imperativeOptions struct {
	scopeOptions
	dryRun      bool
	lockTimeout time.Duration
}

// addFlags adds them, with those that name the parents of a resource of the kind.
func (o *imperativeOptions) addFlags(cmd *cobra.Command, kind resource.Kind) {
	o.addParentFlags(cmd, kind)
	o.addRunFlags(cmd)
}

// addRunFlags adds the flags of a command that no resource is named to.
func (o *imperativeOptions) addRunFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "plan without changes")
	cmd.Flags().DurationVar(&o.lockTimeout, "lock-timeout", 0, "maximum `time` to wait for another kuke command, like 30s")
}

// operations are the commands that change the tasks of containers.
var operations = []struct {
	action plan.Action
	short  string
	long   string
}{
	{plan.Start, "Start one or more containers", "start starts containers, including containers that a command has stopped, killed or paused. It repairs their\nparents first."},
	{plan.Stop, "Stop one or more containers; `apply` does not restart them", "stop sends the stop signal, and SIGKILL after the grace period. Several containers stop at the same time. apply does\nnot start a stopped container, unless --start is given."},
	{plan.Kill, "Send a signal to one or more containers", "kill sends SIGKILL, or the signal of --signal. apply does not start a container that was killed with SIGKILL, unless\n--start is given."},
	{plan.Restart, "Restart one or more containers", "restart stops containers at the same time and starts them again, the root container of a cell first."},
	{plan.Pause, "Pause one or more containers", "pause freezes all processes of containers. apply does not unpause a container, unless --start is given."},
	{plan.Unpause, "Unpause one or more containers", "unpause continues the processes of paused containers."},
}

// newOperations returns kuke start, stop, kill, restart, pause and unpause.
func newOperations(a *app) []*cobra.Command {
	var commands []*cobra.Command
	for _, op := range operations {
		o := &imperativeOptions{}
		signal, grace := "KILL", int64(-1)
		cmd := &cobra.Command{
			Use:   string(op.action) + " [KIND] NAME|PATH...",
			Short: op.short,
			Long: op.long + "\n\nKIND is container, or cell, stack, space or realm for all containers below. A path tells its kind. NAME needs KIND, and\n" +
				"is completed with --realm, --space, --stack and --cell.",
			Example: "  kuke " + string(op.action) + " main/default/blog/web/nginx\n  kuke " + string(op.action) + " stack blog --realm main",
			Args:    cobra.MinimumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				operation := planner.Operation{Action: op.action}
				if op.action == plan.Kill {
					name, err := signalName(signal)
					if err != nil {
						return fmt.Errorf("--signal: %w", err)
					}
					operation.Signal = name
				}
				if grace >= 0 {
					operation.GraceSeconds = &grace
				}
				return a.operate(cmd.Context(), o, operation, args)
			},
		}
		o.addFlags(cmd, resource.KindContainer)
		switch op.action {
		case plan.Kill:
			cmd.Flags().StringVarP(&signal, "signal", "s", signal, "`signal`: a name or a number")
		case plan.Stop, plan.Restart:
			addGraceFlag(cmd, &grace)
		}
		commands = append(commands, cmd)
	}
	return commands
}

func addGraceFlag(cmd *cobra.Command, grace *int64) {
	cmd.Flags().Int64Var(grace, "time", -1, "`seconds` between the stop signal and SIGKILL (default: stop_timeout_seconds of the container)")
}

func newShutdown(a *app) *cobra.Command {
	o := &imperativeOptions{}
	grace, all := int64(-1), false
	cmd := &cobra.Command{
		Use:   "shutdown",
		Short: "Stop all containers of the project until the next apply",
		Long: "shutdown stops the containers of the project, each before its dependencies, and the root container of a cell last.\n" +
			"Containers without an order stop at the same time. It sends the stop signal, and SIGKILL after the grace period.\n" +
			"\n" +
			"The next apply starts the containers that were running. A container that a command has stopped, or that has\n" +
			"completed, stays stopped. From the configuration, shutdown reads only the project.",
		Example: "  kuke shutdown\n  kuke shutdown --all-projects --time 30",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			operation := planner.Operation{Action: plan.Shutdown}
			if grace >= 0 {
				operation.GraceSeconds = &grace
			}
			return a.session.Shutdown(cmd.Context(), operation, all, a.runOptions(o))
		},
	}
	o.addRunFlags(cmd)
	addGraceFlag(cmd, &grace)
	cmd.Flags().BoolVar(&all, "all-projects", false, "containers of all projects, and of none")
	return cmd
}

// signalName returns the full name of a signal that is given with or without SIG, or by number.
func signalName(s string) (string, error) {
	for number := unix.Signal(1); number < 32; number++ {
		name := unix.SignalName(number)
		if name == "SIG"+strings.TrimPrefix(strings.ToUpper(s), "SIG") || fmt.Sprint(int(number)) == s {
			return name, nil
		}
	}
	return "", fmt.Errorf("there is no signal %q: use its name, like TERM or HUP, or its number", s)
}

// operate carries out an operation on the resources that args name, as [scopeOptions.named] reads them.
func (a *app) operate(ctx context.Context, o *imperativeOptions, operation planner.Operation, args []string) (err error) {
	if operation.Paths, err = o.named(string(operation.Action), args); err != nil {
		return err
	}
	return a.session.Operate(ctx, operation, a.runOptions(o))
}

// named returns the paths that args of the command name: paths alone, or a kind, then names or paths.
func (o *scopeOptions) named(command string, args []string) ([]resource.Path, error) {
	if strings.Contains(args[0], "/") {
		return pathsOf(args)
	}
	kind, err := parseKind(args[0])
	switch {
	case err != nil && len(args) == 1:
		return nil, fmt.Errorf("%s may name a resource of any kind. Name the kind: kuke %s container %[1]s", args[0], command)
	case err != nil:
		return nil, err
	case len(args) == 1:
		return nil, fmt.Errorf("missing argument NAME|PATH: name the %s", kind.Lower())
	}
	var paths []resource.Path
	for _, arg := range args[1:] {
		p, err := o.path(kind, arg)
		if err != nil {
			return nil, err
		}
		paths = append(paths, p)
	}
	return paths, nil
}

// pathsOf reads paths of any kind. One of a realm is not told from a name.
func pathsOf(args []string) ([]resource.Path, error) {
	var paths []resource.Path
	for _, arg := range args {
		if !strings.Contains(arg, "/") {
			return nil, fmt.Errorf("%s may name a resource of any kind. Give its path", arg)
		}
		p, err := resource.ParsePath(arg)
		if err != nil {
			return nil, err
		}
		paths = append(paths, p)
	}
	return paths, nil
}

// runOptions has all steps of a plan carried out at once where none waits for another, without asking.
func (a *app) runOptions(o *imperativeOptions) session.RunOptions {
	return session.RunOptions{LockTimeout: o.lockTimeout, Review: func(_ context.Context, p *plan.Plan) (bool, error) {
		switch {
		case o.dryRun:
			a.out.Plan(p)
		case p.Empty():
			a.out.NothingToDo(p)
		}
		return !o.dryRun, nil
	}}
}
