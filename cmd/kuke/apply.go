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
	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner/plan"
)

// applyOptions are the options of apply and destroy beyond those of planning.
type applyOptions struct {
	planOptions
	planFile    string
	inputs      []string // those of inputFlags that are on the command line
	autoApprove bool
	parallelism int
	lockTimeout time.Duration
	lock        bool
}

func (o *applyOptions) addFlags(cmd *cobra.Command) {
	o.planOptions.addFlags(cmd)
	o.addJSONFlag(cmd)
	cmd.Flags().BoolVar(&o.autoApprove, "auto-approve", false, "approval without a prompt")
	o.addRunFlags(cmd)
}

// addRunFlags adds the flags that say how a plan is carried out.
func (o *applyOptions) addRunFlags(cmd *cobra.Command) {
	cmd.Flags().IntVar(&o.parallelism, "parallelism", executor.DefaultParallelism, "maximum `number` of concurrent operations")
	cmd.Flags().DurationVar(&o.lockTimeout, "lock-timeout", 0, "maximum `time` to wait for another kuke command, like 30s")
	cmd.Flags().BoolVar(&o.lock, "lock", true, "lock of the state, which only plan can go without")
}

// fixedByPlan are the flags of apply whose values a saved plan holds. From the configuration that inputFlags name it takes no
// more than sensitive values.
var (
	fixedByPlan = []string{"project", "subnet-pool", "destroy", "images", "volumes", "target", "exclude", "replace", "start", "refresh", "refresh-only", "rollback"}
	inputFlags  = []string{"file", "var", "var-file", "allow-outside-files"}
)

func newApply(a *app) *cobra.Command {
	o := &applyOptions{}
	cmd := &cobra.Command{
		Use:   "apply [PLANFILE]",
		Short: "Apply the configuration to this host",
		Long: "apply plans, asks for approval, and carries the plan out. With PLANFILE it carries out exactly that saved plan,\n" +
			"without asking. A saved plan contains no sensitive values: --file names the configuration that has them.\n" +
			"\n" +
			"If a change fails, apply reports the completed and the skipped changes. The next apply continues from there.",
		Example: "  kuke apply\n  kuke apply --auto-approve -f /etc/kukeon --var tag=1.28\n  kuke apply --target main/default/blog\n  kuke apply change.plan",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.planFile = args[0]
				if fixed := a.given(cmd, fixedByPlan); len(fixed) > 0 {
					return fmt.Errorf("a saved plan contains its project, targets and options: leave out %s, or plan again with it", strings.Join(fixed, ", "))
				}
				o.inputs = a.given(cmd, inputFlags)
			}
			return a.apply(cmd.Context(), o)
		},
	}
	o.addFlags(cmd)
	o.addConfigFlags(cmd)
	o.policy.addRequire(cmd)
	cmd.Flags().BoolVar(&o.destroy, "destroy", false, "removal of all resources of the project, as kuke destroy")
	addImagesFlag(cmd, &o.images)
	addVolumesFlag(cmd, &o.volumes)
	return cmd
}

func newDestroy(a *app) *cobra.Command {
	o := &applyOptions{planOptions: planOptions{destroy: true}}
	cmd := &cobra.Command{
		Use:   "destroy",
		Short: "Destroy all resources of the project",
		Long: "destroy plans the removal of all resources of the project, asks for approval, and carries the plan out. It keeps\n" +
			"the images of realms and their containerd namespaces, unless --images is given, and volumes with their data, unless\n" +
			"--volumes is given or their reclaim policy is Delete.\n" +
			"\n" +
			"destroy needs no configuration. From the one of --file or the current directory, it reads only the project.",
		Example: "  kuke destroy\n  kuke destroy --target main/default/blog\n  kuke destroy --project shop --images --auto-approve",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.apply(cmd.Context(), o) },
	}
	o.addFlags(cmd)
	addImagesFlag(cmd, &o.images)
	addVolumesFlag(cmd, &o.volumes)
	// The records are destroyed; a configuration only names their project.
	for _, name := range []string{"var", "var-file", "allow-outside-files"} {
		cmd.Flags().Lookup(name).Hidden = true
	}
	return cmd
}

func (a *app) apply(ctx context.Context, o *applyOptions) error {
	o.prepareViews(a)
	if o.parallelism < 1 {
		return fmt.Errorf("--parallelism: %d is too small: it must be at least 1", o.parallelism)
	}
	if err := o.deny.check(); err != nil {
		return err
	}
	if !o.lock {
		return errors.New("--lock=false: two commands that change the same records would lose one another's. Wait for the lock with --lock-timeout")
	}
	switch asks := !o.autoApprove && o.planFile == ""; {
	case asks && o.json:
		return errors.New("--json prints no question for approval: use --auto-approve, or apply a saved plan")
	case asks && slices.Contains(o.files, "-"):
		return errors.New("standard input can't hold both the configuration and the approval: use --auto-approve")
	}
	show := a.show(&o.planOptions)
	run := session.RunOptions{LockTimeout: o.lockTimeout, Parallelism: o.parallelism, Review: func(ctx context.Context, p *plan.Plan) (bool, error) {
		if err := o.policy.check(ctx, a, p); err != nil {
			return false, err
		}
		show(p)
		if err := o.refusal(p); err != nil {
			return false, err
		}
		if p.Empty() || o.planFile != "" || o.autoApprove {
			return true, nil
		}
		if o.silent {
			return false, errors.New("not approved, since --input=false allows no question: nothing was changed. Use --auto-approve, or apply a saved plan")
		}
		err := a.approve(ctx, p)
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

// approve asks whether to carry the plan out, or, where p is nil, to change records. Anything but yes is an error.
func (a *app) approve(ctx context.Context, p *plan.Plan) error {
	a.out.Ask(p)
	line, _ := tty.ReadLine(ctx, bufio.NewReader(a.stdin), tty.MaxAnswer)
	switch {
	case ctx.Err() != nil:
		return session.ErrInterrupted
	case strings.TrimSpace(line) != "yes":
		return errors.New("not approved: nothing was changed. Enter yes, or use --auto-approve")
	}
	return nil
}
