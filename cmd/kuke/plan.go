package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
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
			request, err := o.request(cmd.Context(), a)
			if err != nil {
				return err
			}
			made, err := a.session.Plan(cmd.Context(), request)
			if err != nil {
				return err
			}
			if out != "" {
				if err := made.Save(out); err != nil {
					return err
				}
			}
			if asJSON {
				if err := a.out.JSON(made); err != nil {
					return err
				}
			} else {
				a.out.Plan(made)
				a.out.SavedPlan(made, out)
			}
			if detailed && !made.Empty() {
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

// request checks the flags, and returns the plan that they ask for.
func (o *planOptions) request(ctx context.Context, a *app) (r session.PlanOptions, err error) {
	r.RefreshOnly = o.refreshOnly
	r.Options = planner.Options{Destroy: o.destroy, Images: o.images, Start: o.start, Assume: !o.refresh}
	if err := o.check(); err != nil {
		return r, err
	}
	if r.Targets, err = parsePaths("target", o.targets); err != nil {
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
