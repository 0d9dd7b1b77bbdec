package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/cmd/kuke/tty"
	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner/plan"
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
	run := session.RunOptions{LockTimeout: o.lockTimeout, Parallelism: o.parallelism, Review: func(ctx context.Context, p *plan.Plan) (bool, error) {
		a.out.Plan(p)
		if p.Empty() || o.planFile != "" || o.autoApprove {
			return true, nil
		}
		err := a.approve(ctx, o.destroy)
		return err == nil, err
	}}
	if o.planFile != "" {
		return a.applySaved(ctx, o, run)
	}
	request, err := o.request(ctx, a)
	if err != nil {
		return err
	}
	return a.session.Apply(ctx, request, run)
}

// applySaved applies a saved plan, with the sensitive values of the configuration if one is named.
func (a *app) applySaved(ctx context.Context, o *applyOptions, run session.RunOptions) error {
	saved := session.SavedPlan{File: o.planFile, Given: o.inputs}
	if len(o.files)+len(o.variables.assignments) > 0 {
		saved.Input = func() (config.Input, error) { return o.input(ctx, a) }
	}
	return a.session.ApplySaved(ctx, saved, run)
}

// approve asks whether to go on. Anything but yes is an error.
func (a *app) approve(ctx context.Context, destroy bool) error {
	a.out.Ask(destroy)
	line, _ := tty.ReadLine(ctx, bufio.NewReader(a.stdin), tty.MaxAnswer)
	switch {
	case ctx.Err() != nil:
		return session.ErrInterrupted
	case strings.TrimSpace(line) != "yes":
		return errors.New("not approved: nothing was changed (answer yes, or use --auto-approve)")
	}
	return nil
}

// progress shows how a plan is carried out.
type progress struct {
	app  *app
	view *view.Progress
}

// Begin implements [session.Progress].
func (p *progress) Begin() { p.view = p.app.out.Progress() }

// Observe implements [session.Progress].
func (p *progress) Observe(e executor.Event) { p.view.Observe(e) }

// End implements [session.Progress].
func (p *progress) End(done *plan.Plan, outcomes []executor.Outcome, exited []executor.Exited) {
	p.app.out.Outcome(done, outcomes, exited, p.app.errs)
}
