package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/jsonplan"
	"github.com/kukeon/kuke/planner/plan"
)

// planOptions are the options of plan, apply and destroy.
type planOptions struct {
	files       []string
	variables   variableFlags
	destroy     bool
	targets     []string
	exclude     []string
	replace     []string
	start       bool
	refresh     bool
	refreshOnly bool
	images      bool
	volumes     bool
	deny        denials
	// silent says that no question may be asked.
	silent bool
	// unassigned is [config.Input.Unassigned].
	unassigned bool
	// rollback is an entry of the history, 0 for none.
	rollback entryNumber
	policy   policyFlags
	json     bool
	textOptions
}

func (o *planOptions) addFlags(cmd *cobra.Command) {
	o.addInputFlags(cmd)
	cmd.Flags().BoolVar(&o.refresh, "refresh", true, "comparison with the host; --refresh=false assumes that the host matches the state")
	o.deny.addFlag(cmd.Flags())
	o.policy.add(cmd)
	cmd.Flags().StringArrayVar(&o.targets, "target", nil, "`path` to plan for, with the resources below and their dependencies; repeatable")
	cmd.Flags().StringArrayVar(&o.exclude, "exclude", nil, "`path` to leave as it is, with the resources below and those that depend on it, or that it needs when all is destroyed; repeatable")
	cmd.Flags().Var((*noInput)(&o.silent), "input", "questions on a terminal for variables and approval; --input=false fails instead")
	cmd.Flags().Lookup("input").NoOptDefVal = "true"
	o.textOptions.addFlags(cmd)
}

// noInput is the value of --input, which is true unless nothing may be asked.
type noInput bool

// Set implements pflag.Value.
func (n *noInput) Set(s string) error {
	input, err := strconv.ParseBool(s)
	*n = noInput(!input)
	return err
}

// String implements pflag.Value.
func (n *noInput) String() string { return strconv.FormatBool(!bool(*n)) }

// Type implements pflag.Value.
func (n *noInput) Type() string { return "bool" }

// addInputFlags adds the flags that name the configuration.
func (o *planOptions) addInputFlags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&o.files, "file", "f", nil, "`file` or directory of the configuration, or - for standard input; repeatable (default: the current directory)")
	o.variables.add(cmd)
}

// input returns the input of the configuration, which can be read more than once.
func (o *planOptions) input(ctx context.Context, a *app) (config.Input, error) {
	in := config.Input{
		Paths: o.files, Assignments: o.variables.assignments, Environ: os.Environ(), OutsideFiles: o.variables.outsideFiles, Unassigned: o.unassigned,
	}
	switch {
	case slices.Contains(o.files, "-"):
		data, err := a.readInput()
		if err != nil {
			return in, err
		}
		in.Stdin = func() io.Reader { return bytes.NewReader(data) }
	case !o.silent && !o.json && (term.IsTerminal(int(a.stdin.Fd())) || a.caller != nil && len(a.caller.Answers) > 0):
		in.Ask = a.askVariables(ctx)
	}
	return in, nil
}

// planCommand is kuke plan with its flags.
type planCommand struct {
	planOptions
	app          *app
	rehearsal    rehearsalFlags
	out, jsonOut string
	detailed     bool
	show         func(*plan.Plan)
}

func newPlan(a *app) *cobra.Command {
	c := &planCommand{app: a}
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show the changes that apply would make",
		Long: "plan compares the configuration, the recorded state and the host, and shows the differences with their reasons. It\n" +
			"changes nothing. With --rehearse it also carries the plan out in a disposable lab, see kuke help rehearse. It takes no\n" +
			"lock and carries no operation out on the host: --lock, --lock-timeout and --parallelism have no effect, and are there\n" +
			"for scripts that pass the same flags to plan and apply.\n" +
			"\n" +
			"Exit status: 0; 2 with --detailed-exitcode if there are changes; 1 for an error, a denied hazard or a failed rehearsal.",
		Example: "  kuke plan\n  kuke plan --out change.plan --detailed-exitcode\n  kuke plan -f /etc/kukeon --var tag=1.28 --target main/default/blog\n  kuke plan --refresh-only\n  kuke plan --rollback 7 --out back.plan",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.run(cmd) },
	}
	c.addFlags(cmd)
	c.addConfigFlags(cmd)
	cmd.Flags().BoolVar(&c.destroy, "destroy", false, "plan for the removal of all resources of the project")
	addImagesFlag(cmd, &c.images)
	addVolumesFlag(cmd, &c.volumes)
	cmd.Flags().StringVar(&c.out, "out", "", "`file` to save the plan to, for kuke apply FILE")
	cmd.Flags().StringVar(&c.jsonOut, "json-out", "", "`file` for the plan as JSON in Terraform's format, for tools and policies")
	annotateFile(cmd, "out", writtenFile)
	annotateFile(cmd, "json-out", writtenFile)
	cmd.Flags().BoolVar(&c.detailed, "detailed-exitcode", false, "exit status 2 if there are changes")
	c.addJSONFlag(cmd)
	c.rehearsal.add(cmd)
	accepted := &applyOptions{}
	accepted.addRunFlags(cmd)
	return cmd
}

func (c *planCommand) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	if err := c.checkFiles(cmd); err != nil {
		return err
	}
	if given := c.app.given(cmd, []string{"rehearse-timeout"}); len(given) > 0 && !c.rehearsal.wanted {
		return errors.New("--rehearse-timeout limits a rehearsal, and there is none: use it with --rehearse")
	}
	c.prepareViews(c.app)
	c.show = c.app.show(&c.planOptions)
	request, err := c.request(ctx, c.app)
	if err != nil {
		return err
	}
	review := func(made *plan.Plan) error { return c.review(ctx, made) }
	if request.Rehearse, err = c.rehearsal.options(c.app, review, c.json); err != nil {
		return err
	}
	made, err := c.app.session.Plan(ctx, request)
	if err != nil {
		return err
	}
	if request.Rehearse == nil {
		if err := review(made); err != nil {
			return err
		}
	}
	if c.out != "" {
		if err := made.Save(c.out); err != nil {
			return err
		}
		if !c.json {
			c.app.out.SavedPlan(made, c.out, c.app.applying(cmd, c.out, made.NeedsValues()))
		}
	}
	if c.detailed && !made.Empty() {
		return exitCode(exitChanges)
	}
	return nil
}

// checkFiles refuses names of files that would write no plan, or one over the other.
func (c *planCommand) checkFiles(cmd *cobra.Command) error {
	for _, name := range []string{"out", "json-out"} {
		switch file := cmd.Flags().Lookup(name).Value.String(); {
		case file == "" && cmd.Flags().Changed(name):
			return fmt.Errorf("--%s: the name is empty. Name a file", name)
		case file == "-":
			return fmt.Errorf("--%s writes a file, and nothing to standard output. Name a file; kuke show --json PLANFILE prints JSON", name)
		}
	}
	if c.out != "" && filepath.Clean(c.out) == filepath.Clean(c.jsonOut) {
		return fmt.Errorf("--out and --json-out name the same file, %s: give each its own", c.out)
	}
	return nil
}

// review shows the plan, and returns the error of one that must not be applied: it is neither rehearsed nor saved.
func (c *planCommand) review(ctx context.Context, made *plan.Plan) error {
	if err := c.policy.check(ctx, c.app, made); err != nil {
		return err
	}
	if c.jsonOut != "" {
		if err := saveJSON(made, c.jsonOut); err != nil {
			return err
		}
	}
	c.show(made)
	return c.refusal(made)
}

// saveJSON writes the document that kuke show --json prints to a file.
func saveJSON(made *plan.Plan, file string) error {
	data, err := view.EncodeJSON(jsonplan.Of(made, version))
	if err != nil {
		return err
	}
	return plan.WriteFile(file, data)
}

// addJSONFlag adds the flag of the commands that print messages for programs.
func (o *planOptions) addJSONFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.json, "json", false, "messages for programs, one line of JSON each, in Terraform's format")
}

// addImagesFlag adds the flag of commands that destroy realms.
func addImagesFlag(cmd *cobra.Command, images *bool) {
	cmd.Flags().BoolVar(images, "images", false, "images of destroyed realms removed too")
}

// addVolumesFlag adds the flag of commands that destroy projects.
func addVolumesFlag(cmd *cobra.Command, volumes *bool) {
	cmd.Flags().BoolVar(volumes, "volumes", false, "volumes of destroyed resources deleted too, with their data")
}

// addConfigFlags adds the flags of those commands that a configuration has a say in.
func (o *planOptions) addConfigFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.start, "start", false, "start of containers that a command has stopped, killed or paused")
	cmd.Flags().StringArrayVar(&o.replace, "replace", nil, "`path` of containers to replace even without a change; repeatable")
	cmd.Flags().Var(&o.rollback, "rollback", "`number` of the entry of kuke history to whose configuration to go back; --file and --var then only give its sensitive values")
	cmd.Flags().BoolVar(&o.refreshOnly, "refresh-only", false, "changes from outside recorded in the state, and no other changes")
}

// refusal returns the error of a plan that has denied hazards, or that its policies deny.
func (o *planOptions) refusal(p *plan.Plan) error {
	if err := o.deny.refuse(p); err != nil {
		return err
	}
	return o.policy.denied(p)
}

// check refuses flags that contradict each other.
func (o *planOptions) check() error {
	if err := o.deny.check(); err != nil {
		return err
	}
	switch {
	case len(o.targets) > 0 && len(o.exclude) > 0:
		return errors.New("--target and --exclude exclude each other: use one of them")
	case o.refreshOnly && !o.refresh:
		return errors.New("--refresh-only inspects the host, and --refresh=false does not: leave out one of them")
	case o.refreshOnly && (o.destroy || len(o.targets)+len(o.exclude)+len(o.replace)+len(o.files) > 0 || o.start):
		return errors.New("--refresh-only compares only the state with the host: leave out --file, --target, --exclude, --replace, --start and --destroy")
	case o.rollback > 0 && (o.destroy || o.refreshOnly):
		return errors.New("--rollback plans for the configuration of the history: leave out --destroy and --refresh-only")
	case o.images && !o.destroy:
		return errors.New("--images removes the images of destroyed realms: use it with --destroy, or use kuke image remove for single images")
	case o.volumes && !o.destroy:
		return errors.New("--volumes deletes the volumes of destroyed resources: use it with --destroy, or use kuke delete volume for single volumes")
	case o.destroy && len(o.replace) > 0:
		return errors.New("--replace creates containers again, and --destroy removes them: leave out one of them")
	}
	return nil
}

// request checks the flags, and returns the plan that they ask for.
func (o *planOptions) request(ctx context.Context, a *app) (r session.PlanOptions, err error) {
	r.RefreshOnly, r.Rollback = o.refreshOnly, uint64(o.rollback)
	r.Options = planner.Options{Destroy: o.destroy, Images: o.images, Volumes: o.volumes, Start: o.start, Assume: !o.refresh}
	if err := o.check(); err != nil {
		return r, err
	}
	if r.Targets, err = parsePaths("target", o.targets); err != nil {
		return r, err
	}
	if r.Exclude, err = parsePaths("exclude", o.exclude); err != nil {
		return r, err
	}
	if r.Replace, err = parsePaths("replace", o.replace); err != nil {
		return r, err
	}
	r.Input, err = o.input(ctx, a)
	return r, err
}

// load reads the configuration, with its errors and warnings as they are.
func (o *planOptions) load(ctx context.Context, a *app) (*config.Configuration, resource.Diagnostics, error) {
	in, err := o.input(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	return a.session.Load(ctx, in)
}
