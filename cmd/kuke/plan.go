package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/state"
)

// planOptions are what plan, apply and destroy share.
type planOptions struct {
	files       []string
	variables   variableFlags
	destroy     bool
	targets     []string
	replace     []string
	start       bool
	refresh     bool
	refreshOnly bool
	images      bool
}

func (o *planOptions) addFlags(cmd *cobra.Command) {
	o.addInputFlags(cmd)
	cmd.Flags().BoolVar(&o.refresh, "refresh", true, "look at the host; with --refresh=false it is taken to be as recorded")
	cmd.Flags().StringArrayVar(&o.targets, "target", nil, "restrict to this path, what is below it and what it needs; repeatable")
}

// addInputFlags adds the flags that say what the configuration is.
func (o *planOptions) addInputFlags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&o.files, "file", "f", nil, "file or directory with configuration, or - for standard input; repeatable (default: the current directory)")
	o.variables.add(cmd)
}

// input returns what the configuration is made of: it can be read more than once.
func (o *planOptions) input(ctx context.Context, a *app) (config.Input, error) {
	in := config.Input{
		Paths: o.files, Assignments: o.variables.assignments, Environ: os.Environ(), OutsideFiles: o.variables.outsideFiles,
	}
	switch {
	case slices.Contains(o.files, "-"):
		data, err := config.ReadInput(a.stdin)
		if err != nil {
			return in, fmt.Errorf("read standard input: %w", err)
		}
		in.Stdin = func() io.Reader { return bytes.NewReader(data) }
	case term.IsTerminal(int(a.stdin.Fd())):
		in.Ask = a.askVariables(ctx)
	}
	return in, nil
}

func newPlan(a *app) *cobra.Command {
	o := &planOptions{}
	var out string
	var detailed, asJSON bool
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would change, and why",
		Long: "plan compares the configuration with the recorded state and the real host, and shows the difference.\n" +
			"It changes nothing. Exit status: 0, or with --detailed-exitcode 2 when there are changes; 1 for an error.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			plan, err := a.plan(cmd.Context(), o)
			if err != nil {
				return err
			}
			if out != "" {
				if err := plan.Save(out); err != nil {
					return err
				}
			}
			if asJSON {
				if err := a.out.JSON(plan); err != nil {
					return err
				}
			} else {
				a.out.Plan(plan)
				a.out.SavedPlan(plan, out)
			}
			if detailed && !plan.Empty() {
				return exitCode(exitChanges)
			}
			return nil
		},
	}
	o.addFlags(cmd)
	o.addConfigFlags(cmd)
	cmd.Flags().BoolVar(&o.destroy, "destroy", false, "plan the removal of all that the project owns")
	addImagesFlag(cmd, &o.images)
	cmd.Flags().StringVar(&out, "out", "", "save the plan to this file, for kuke apply FILE")
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit with status 2 when there are changes")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the plan as JSON, or what is wrong")
	return cmd
}

// plan makes a plan without the lock: what it is made from can change at once, which applying a saved plan
// then notices.
func (a *app) plan(ctx context.Context, o *planOptions) (*planner.Plan, error) {
	wanted, options, err := a.planInput(ctx, o)
	if err != nil {
		return nil, err
	}
	store, prior, err := a.readState()
	if err != nil {
		return nil, err
	}
	exec, err := a.open(ctx, store)
	if err != nil {
		return nil, err
	}
	defer exec.Close()
	if err := a.restoreAll(ctx, exec, prior); err != nil {
		return nil, err
	}
	plan, err := a.planFor(ctx, exec, wanted, prior, o, options)
	if err != nil {
		return nil, err
	}
	plan.Diagnostics = a.warned // who reviews the plan, or applies it once it is saved, sees them too
	return plan, nil
}

// addImagesFlag adds the flag of what destroys realms.
func addImagesFlag(cmd *cobra.Command, images *bool) {
	cmd.Flags().BoolVar(images, "images", false, "also remove the images of realms that are destroyed")
}

// addConfigFlags adds the flags of those commands that a configuration has a say in.
func (o *planOptions) addConfigFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.start, "start", false, "also start what was stopped, killed or paused by hand")
	cmd.Flags().StringArrayVar(&o.replace, "replace", nil, "replace the container at this path, or all below it, whether or not it changes; repeatable")
	cmd.Flags().BoolVar(&o.refreshOnly, "refresh-only", false, "take what was changed outside of kuke into the state, and change nothing else")
}

// check refuses flags that contradict each other.
func (o *planOptions) check() error {
	switch {
	case o.refreshOnly && !o.refresh:
		return errors.New("--refresh-only looks at the host, which --refresh=false forbids: leave out one of them")
	case o.refreshOnly && (o.destroy || len(o.targets)+len(o.replace)+len(o.files) > 0 || o.start):
		return errors.New("--refresh-only compares the state with the host, and nothing else: leave out --file, --target, --replace, --start and --destroy")
	case o.images && !o.destroy:
		return errors.New("--images removes the images of realms that are destroyed: use it with --destroy, or kuke image remove for single images")
	case o.destroy && len(o.replace) > 0:
		return errors.New("--replace makes containers anew, which --destroy removes: leave out one of them")
	}
	return nil
}

// wanted is a configuration, and what it is made of: where planning must work something out for it, it is read again.
type wanted struct {
	input config.Input
	*config.Configuration
}

// planInput reads the configuration (for a destroy only its project) and checks the flags.
func (a *app) planInput(ctx context.Context, o *planOptions) (*wanted, planner.Options, error) {
	options := planner.Options{Destroy: o.destroy, Images: o.images, Start: o.start, SubnetPool: a.pool, Assume: !o.refresh}
	err := o.check()
	if err == nil {
		options.Targets, err = parsePaths("target", o.targets)
	}
	if err == nil {
		options.Replace, err = parsePaths("replace", o.replace)
	}
	if err != nil {
		return nil, options, err
	}
	var w *wanted
	if o.refreshOnly || o.destroy {
		err = a.findProjectOf(ctx, o)
	} else if w, err = a.read(ctx, o); err == nil {
		err = a.useProject(w.Project)
	}
	options.Project, options.Unnamed = a.project.name, a.project.unnamed
	return w, options, err
}

// findProjectOf finds the project of a command for which only the name of the project counts of the configuration.
func (a *app) findProjectOf(ctx context.Context, o *planOptions) error {
	in, err := o.input(ctx, a)
	if err != nil {
		return err
	}
	return a.findProject(in)
}

// read reads the configuration, and prints its warnings.
func (a *app) read(ctx context.Context, o *planOptions) (*wanted, error) {
	in, err := o.input(ctx, a)
	if err != nil {
		return nil, err
	}
	c, diags, err := a.load(ctx, in)
	if err != nil {
		return nil, err
	}
	w := &wanted{in, c}
	if diags.HasErrors() {
		return nil, diags
	}
	if w.Pending {
		return w, nil // its warnings come with the second reading
	}
	return w, a.report(diags)
}

// errInterrupted ends what was interrupted before the host was changed.
var errInterrupted = errors.New("interrupted: nothing was changed")

// load reads the configuration, which may take seconds, and gives it up when ctx ends.
func (a *app) load(ctx context.Context, in config.Input) (*config.Configuration, resource.Diagnostics, error) {
	var c *config.Configuration
	var diags resource.Diagnostics
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, diags = config.Load(in)
	}()
	select {
	case <-ctx.Done():
		a.asking.Lock() // for good: see ask
		return nil, nil, errInterrupted
	case <-done:
		a.sources = c.Sources
		return c, diags, nil
	}
}

// planFor makes the plan that the options ask for.
func (a *app) planFor(ctx context.Context, exec *executor.Executor, w *wanted, prior *state.State, o *planOptions, options planner.Options) (*planner.Plan, error) {
	options.Directory = a.project.directoryIn(prior)
	if o.refreshOnly {
		actual, err := exec.Refresh(ctx, resource.NewTree(), prior)
		if err != nil {
			return nil, err
		}
		plan := planner.Accept(prior, actual)
		plan.Project = a.project.name
		return plan, nil
	}
	if w == nil || o.destroy {
		a.noteOthers(prior)
		return a.makePlan(ctx, exec, nil, prior, options)
	}
	if err := a.addSurgery(ctx, exec, w, prior, &options); err != nil {
		return nil, err
	}
	if w.Pending {
		if err := a.settle(ctx, exec, w, prior, options); err != nil {
			return nil, err
		}
	}
	var err error
	if options.Outputs, err = outputsOf(w.Outputs); err != nil {
		return nil, err
	}
	if err := exec.Seal(w.Tree); err != nil {
		return nil, err
	}
	plan, err := a.makePlan(ctx, exec, w.Tree, prior, options)
	if err != nil || w.input.Computed == nil {
		return plan, err
	}
	if !reflect.DeepEqual(planner.Computed(plan, prior), w.input.Computed) {
		return nil, errors.New("the configuration depends on addresses in a way that changes them: let no name, parent, for_each or count depend on an address")
	}
	return plan, nil
}

// settle plans what w is so far, to read it again with what that works out.
func (a *app) settle(ctx context.Context, exec *executor.Executor, w *wanted, prior *state.State, o planner.Options) error {
	if err := exec.Seal(w.Tree); err != nil {
		return err
	}
	plan, diags, err := a.draft(ctx, exec, w.Tree, prior, o)
	if err != nil {
		return err
	}
	if diags.HasErrors() {
		return diags
	}
	return a.readAgain(ctx, w, plan, prior)
}

// readAgain reads the configuration with what the plan works out.
func (a *app) readAgain(ctx context.Context, w *wanted, plan *planner.Plan, prior *state.State) error {
	w.input.Computed = planner.Computed(plan, prior)
	c, diags, err := a.load(ctx, w.input)
	if err != nil {
		return err
	}
	w.Configuration = c
	if diags.HasErrors() {
		return diags
	}
	if w.Pending {
		return errors.New("the configuration refers to an address that this plan does not work out: with --target, name also what it refers to")
	}
	return a.report(diags)
}

// makePlan plans, prints the warnings, and sees that the plan can be carried out.
func (a *app) makePlan(ctx context.Context, exec *executor.Executor, desired *resource.Tree, prior *state.State, o planner.Options) (*planner.Plan, error) {
	plan, diags, err := a.draft(ctx, exec, desired, prior, o)
	if err == nil {
		err = a.report(diags)
	}
	if err != nil {
		return nil, err
	}
	plan.Key = exec.PlanKey(plan)
	return plan, exec.Provide(plan)
}

func (a *app) draft(ctx context.Context, exec *executor.Executor, configured *resource.Tree, prior *state.State, o planner.Options) (*planner.Plan, resource.Diagnostics, error) {
	desired := planner.Wanted(configured, prior, o)
	look := exec.Refresh
	if o.Assume {
		look = exec.Assume
	}
	begin := time.Now()
	actual, err := look(ctx, desired, prior)
	if err != nil && ctx.Err() != nil {
		return nil, nil, errInterrupted
	}
	if err != nil {
		return nil, nil, err
	}
	known := len(prior.Records)
	if err := a.restore(ctx, exec, prior, planner.LostWithCells(desired, prior, actual, o)); err != nil {
		return nil, nil, err
	}
	if len(prior.Records) > known {
		return a.draft(ctx, exec, configured, prior, o)
	}
	looked := time.Now()
	plan, diags := planner.New(desired, prior, actual, o)
	slog.InfoContext(ctx, "made a plan", "looking", looked.Sub(begin), "planning", time.Since(looked), "failed", plan == nil)
	return plan, diags, nil
}
