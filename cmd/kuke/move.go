package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/state"
)

func newStateMv(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mv FROM TO | mv --project PROJECT PATH",
		Short: "Rename a container as it runs, or take resources into another project",
		Long: "mv FROM TO renames a container within its cell, in the state. It goes on running, with its id in containerd and all it\n" +
			"has written: rename it in the configuration too, and a plan finds nothing to do. Once something replaces it, it\n" +
			"gets the id that its new path makes. kuke logs shows all it has printed; if its log grows full before it is\n" +
			"started again, what comes then is not shown.\n\n" +
			"A realm, space, stack or cell can't be renamed, nor a container moved to another cell: what they are on the host\n" +
			"(containerd namespace, bridge, network namespace, cgroup, files in /etc) is made of their path. Declare them by\n" +
			"the new path and apply.\n\n" +
			"mv PATH takes what is recorded at and below PATH into the project of --project. Move it to that project's\n" +
			"configuration too, or its next apply destroys it. The next apply also writes the project into the CNI networks of spaces.",
		Args: cobra.RangeArgs(1, 2),
	}
	lockTimeout := addLockTimeout(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		from, err := realm.ParsePath(args[0])
		if err != nil {
			return err
		}
		if len(args) == 1 && a.projectName == "" {
			return errors.New("state mv PATH takes resources into a project: name it with --project, or name the new path as well")
		}
		move := func(exec *executor.Executor, st *state.State) error {
			return a.takeIntoProject(cmd.Context(), exec, st, from)
		}
		if len(args) > 1 {
			to, err := realm.ParsePath(args[1])
			if err != nil {
				return err
			}
			move = func(exec *executor.Executor, st *state.State) error {
				return a.rename(cmd.Context(), exec, st, from, to)
			}
		}
		return a.changeHost(cmd.Context(), *lockTimeout, func(exec *executor.Executor, store *state.Store, st *state.State) error {
			if err := move(exec, st); err != nil {
				return err
			}
			return store.Commit()
		})
	}
	return cmd
}

func (a *app) rename(ctx context.Context, exec *executor.Executor, st *state.State, from, to realm.Path) error {
	moves, err := planner.RenameByHand(st, from, to)
	if err != nil {
		return err
	}
	if err := exec.Move(ctx, moves); err != nil {
		return err
	}
	a.out.Text(fmt.Sprintf("%s %s is now %s\n", from.Kind().Lower(), from, to))
	return nil
}

func (a *app) takeIntoProject(ctx context.Context, exec *executor.Executor, st *state.State, p realm.Path) error {
	changed, err := st.Take(p, a.projectName)
	if err != nil {
		return err
	}
	if err := exec.Relabel(ctx, changed); err != nil {
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
