package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/config/resource"
)

func newStateMv(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mv FROM TO | mv --project PROJECT PATH",
		Short: "Rename resources as they run, or take them into another project",
		Long: "mv FROM TO renames a container, cell, stack or space within what it lies in, in the state. It goes on running with all\n" +
			"that is below it, with its ids in containerd, cgroups, addresses, ports and bridge, and with all it has written.\n" +
			"Rename it in the configuration too, and a plan finds nothing to do: an unchanged configuration makes it anew by the\n" +
			"former name, and destroys the renamed one, which the plan warns of. A block moved does both in one apply.\n\n" +
			"Files in /etc follow the new name at once, the hostname of a container when it is started again. Once something\n" +
			"replaces a container, it gets the id that its new path makes. A realm can't be renamed, nor a resource moved into\n" +
			"another cell, stack, space or realm: declare it by the new path and apply.\n\n" +
			"mv PATH takes what is recorded at and below PATH into the project of --project. Move it to that project's\n" +
			"configuration too, or its next apply destroys it. The next apply also writes the project into the CNI networks of spaces.",
		Args: cobra.RangeArgs(1, 2),
	}
	lockTimeout := addLockTimeout(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		from, err := resource.ParsePath(args[0])
		if err != nil {
			return err
		}
		if len(args) == 1 && a.projectName == "" {
			return errors.New("state mv PATH takes resources into a project: name it with --project, or name the new path as well")
		}
		if len(args) == 1 {
			return a.takeIntoProject(cmd.Context(), from, *lockTimeout)
		}
		to, err := resource.ParsePath(args[1])
		if err != nil {
			return err
		}
		if err := a.session.Rename(cmd.Context(), from, to, *lockTimeout); err != nil {
			return err
		}
		a.out.Text(fmt.Sprintf("%s %s is now %s\n", from.Kind().Lower(), from, to))
		return nil
	}
	return cmd
}

func (a *app) takeIntoProject(ctx context.Context, p resource.Path, lockTimeout time.Duration) error {
	changed, err := a.session.Take(ctx, p, lockTimeout)
	if err != nil {
		return err
	}
	for _, r := range changed {
		a.out.Text(fmt.Sprintf("%s %s belongs to project %s now\n", r.Path.Kind().Lower(), r.Path, a.projectName))
	}
	if len(changed) == 0 {
		a.out.Text(fmt.Sprintf("All of %s belongs to project %s already.\n", p, a.projectName))
	}
	return nil
}
