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
		Short: "Rename resources, or give them to another project",
		Long: "mv FROM TO renames a container, cell, stack or space within its parent. The resource and all resources below keep\n" +
			"running with their IDs in containerd, cgroups, addresses, ports, bridges and files. Rename the resource in the\n" +
			"configuration too, and a plan has no changes. An unchanged configuration creates a resource at the old path and\n" +
			"destroys the renamed one; the plan warns of it. A moved block does both in one apply.\n" +
			"\n" +
			"Files in /etc follow the new name at once, and the hostname of a container when it starts again. A later replacement\n" +
			"of a container gets the ID of its new path. A realm cannot be renamed, and no resource moves to another parent:\n" +
			"declare it at the new path and apply.\n" +
			"\n" +
			"mv PATH gives the records at and below PATH to the project of --project. Move the resource to the configuration of\n" +
			"that project too, or the next apply of that project destroys it. The next apply also writes the project into the CNI\n" +
			"networks of spaces.",
		Example: "  kuke state mv main/default/blog/web main/default/blog/www\n  kuke state mv --project shop main/default/shop",
		Args:    cobra.RangeArgs(1, 2),
	}
	lockTimeout := addLockTimeout(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		from, err := resource.ParsePath(args[0])
		if err != nil {
			return err
		}
		if len(args) == 1 && a.projectName == "" {
			return errors.New("state mv PATH gives resources to a project: name the project with --project, or name the new path too")
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
		a.out.Text(fmt.Sprintf("%s %s now belongs to project %s\n", r.Path.Kind().Lower(), r.Path, a.projectName))
	}
	if len(changed) == 0 {
		a.out.Text(fmt.Sprintf("All resources at %s already belong to project %s.\n", p, a.projectName))
	}
	return nil
}
