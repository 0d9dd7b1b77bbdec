package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/state"
)

// applyOptions are what apply and destroy share beyond planning.
type applyOptions struct {
	planOptions
	planFile    string
	inputs      []string // those of inputFlags that are on the command line
	autoApprove bool
	parallelism int
	lockTimeout time.Duration
}

func (o *applyOptions) addFlags(cmd *cobra.Command) {
	o.planOptions.addFlags(cmd)
	cmd.Flags().BoolVar(&o.autoApprove, "auto-approve", false, "do not ask before changing anything")
	cmd.Flags().IntVar(&o.parallelism, "parallelism", executor.DefaultParallelism, "most changes at once")
	cmd.Flags().DurationVar(&o.lockTimeout, "lock-timeout", 0, "how long to wait for another kuke command to end, such as 30s")
}

// fixedByPlan are the flags of apply whose values a saved plan holds. From the configuration that inputFlags name it takes no
// more than sensitive values.
var (
	fixedByPlan = []string{"project", "subnet-pool", "target", "replace", "start", "refresh", "refresh-only"}
	inputFlags  = []string{"file", "var", "var-file", "allow-outside-files"}
)

func newApply(a *app) *cobra.Command {
	o := &applyOptions{}
	cmd := &cobra.Command{
		Use:   "apply [PLANFILE]",
		Short: "Make the host what the configuration says",
		Long: "apply plans, asks, and carries out the plan; or it carries out exactly the given saved plan, without asking.\n" +
			"No plan holds sensitive values: where a saved one needs any, --file names the configuration that has them.\n" +
			"What fails is reported together with what was done and what was not; the next apply goes on from there.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.planFile = args[0]
				if fixed := a.given(cmd, fixedByPlan); len(fixed) > 0 {
					return fmt.Errorf("a saved plan holds the project, the targets and the options it was made with: leave out %s, or plan again with it", strings.Join(fixed, ", "))
				}
				o.inputs = a.given(cmd, inputFlags)
			}
			return a.apply(cmd.Context(), o)
		},
	}
	o.addFlags(cmd)
	o.addConfigFlags(cmd)
	return cmd
}

func newDestroy(a *app) *cobra.Command {
	o := &applyOptions{planOptions: planOptions{destroy: true}}
	cmd := &cobra.Command{
		Use:   "destroy",
		Short: "Remove everything the project owns",
		Long: "destroy plans the removal of all resources of the project, asks, and carries it out. It keeps the images of\n" +
			"realms, with their containerd namespaces, unless with --images.\n" +
			"It needs no configuration, and of the one of --file or the current directory it reads only the project.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.apply(cmd.Context(), o) },
	}
	o.addFlags(cmd)
	addImagesFlag(cmd, &o.images)
	// What is destroyed is what was recorded; a configuration says no more than whose.
	for _, name := range []string{"var", "var-file", "allow-outside-files"} {
		cmd.Flags().Lookup(name).Hidden = true
	}
	return cmd
}

func (a *app) apply(ctx context.Context, o *applyOptions) error {
	if o.parallelism < 1 {
		return fmt.Errorf("--parallelism: %d changes at once is too few: at least 1", o.parallelism)
	}
	if !o.autoApprove && o.planFile == "" && slices.Contains(o.files, "-") {
		return errors.New("standard input can't hold both the configuration and the approval: use --auto-approve")
	}
	// Everything that can be wrong with the input is found before the lock is taken or anything is made.
	makePlan, err := a.planMaker(ctx, o)
	if err != nil {
		return err
	}
	return a.changeHost(ctx, o.lockTimeout, func(exec *executor.Executor, store *state.Store, prior *state.State) error {
		plan, err := makePlan(ctx, exec, prior)
		if err != nil {
			return err
		}
		a.out.Plan(plan)
		if plan.Empty() {
			return errors.Join(remember(store, plan), store.Commit()) // an index that was broken is written anew all the same
		}
		if o.planFile == "" && !o.autoApprove {
			if err := a.approve(ctx, o.destroy); err != nil {
				return err
			}
		}
		if err := remember(store, plan); err != nil {
			return err
		}
		err = a.carryOut(ctx, exec, plan, o.parallelism)
		if code := exitCode(0); err != nil && !errors.As(err, &code) {
			err = errors.Join(err, store.Commit()) // a project that owns nothing is not remembered
		}
		return err
	})
}

// planMaker reads the input of apply, a saved plan or a configuration, and returns what makes the plan from
// it and the state.
func (a *app) planMaker(ctx context.Context, o *applyOptions) (func(context.Context, *executor.Executor, *state.State) (*planner.Plan, error), error) {
	if o.planFile != "" {
		return a.savedPlan(ctx, o)
	}
	wanted, options, err := a.planInput(ctx, &o.planOptions)
	return func(ctx context.Context, exec *executor.Executor, prior *state.State) (*planner.Plan, error) {
		return a.planFor(ctx, exec, wanted, prior, &o.planOptions, options)
	}, err
}

// savedPlan reads a saved plan, and the sensitive values that it takes from the configuration, if one is named.
func (a *app) savedPlan(ctx context.Context, o *applyOptions) (func(context.Context, *executor.Executor, *state.State) (*planner.Plan, error), error) {
	plan, err := a.loadPlan(o.planFile)
	if err != nil {
		return nil, err
	}
	var given *wanted
	if needed := plan.NeedsValues(); !needed && len(o.inputs) > 0 {
		return nil, fmt.Errorf("%s holds all that applying it takes, and no sensitive value of a configuration is missing: leave out %s", o.planFile, strings.Join(o.inputs, ", "))
	} else if needed && len(o.files)+len(o.variables.assignments) > 0 {
		if given, err = a.read(ctx, &o.planOptions); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, exec *executor.Executor, prior *state.State) (*planner.Plan, error) {
		if err := plan.CheckFresh(prior); err != nil {
			return nil, err
		}
		actual, err := exec.LookAgain(ctx, plan, prior)
		if err != nil {
			return nil, err
		}
		if err := plan.CheckHost(prior, actual); err != nil {
			return nil, err
		}
		if err := exec.UseKey(plan.Key); err != nil {
			return nil, err
		}
		if given != nil && given.Pending {
			if err := a.readAgain(ctx, given, plan, prior); err != nil {
				return nil, err
			}
		}
		if given != nil {
			if err := exec.Seal(given.Tree); err != nil {
				return nil, err
			}
		}
		a.errs.Diagnostics(slices.DeleteFunc(slices.Clone(plan.Diagnostics), func(d resource.Diagnostic) bool { return slices.Contains(a.warned, d) }), nil)
		return plan, exec.Provide(plan)
	}, nil
}

// loadPlan reads a saved plan, and prints the warnings about its file.
func (a *app) loadPlan(file string) (*planner.Plan, error) {
	plan, diags, err := planner.LoadPlan(file)
	if err != nil {
		return nil, err
	}
	return plan, a.report(diags)
}

// approve asks whether to go on. Anything but yes is an error.
func (a *app) approve(ctx context.Context, destroy bool) error {
	a.out.Ask(destroy)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.stdin).ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		return errInterrupted
	case line := <-answer:
		if line != "yes" {
			return errors.New("not approved: nothing was changed (answer yes, or use --auto-approve)")
		}
	}
	return nil
}

func (a *app) carryOut(ctx context.Context, exec *executor.Executor, plan *planner.Plan, parallelism int) error {
	a.interrupts.deferCancel()
	progress := a.out.Progress()
	outcomes, err := exec.Apply(ctx, plan, executor.ApplyOptions{
		Parallelism: parallelism, Observe: progress.Observe, Interrupt: a.interrupts.first,
	})
	if outcomes == nil {
		return err // before the first step
	}
	// What was done is said even where its index could not be written.
	exited, exitedErr := exec.Exited(ctx, outcomes)
	if exitedErr != nil {
		slog.Debug("can't tell which containers have ended", "error", exitedErr)
	}
	complete := a.out.Outcome(plan, outcomes, exited, a.errs)
	if err != nil {
		return err
	}
	if complete {
		return nil
	}
	if a.interrupts.happened() {
		return exitCode(exitInterrupted)
	}
	return exitCode(exitError)
}
