package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

func newState(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Look at the recorded state, and change it by hand",
		Long: "The state is what kuke knows of what it made. These commands change nothing on the host: what they take out of\n" +
			"the state goes on running, and the next apply recognises it by its labels.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStateList(a), newStateShow(a), newStateMv(a), newStateRm(a), newStatePull(a), newStatePush(a), newStateRebuild(a))
	return cmd
}

func newStateList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list [PATH]",
		Short: "List the recorded resources, or those at and below a path",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			_, st, err := a.session.State()
			if err != nil {
				return err
			}
			paths := st.Paths()
			if len(args) > 0 {
				scope, err := resource.ParsePath(args[0])
				if err != nil {
					return err
				}
				if paths, err = session.Recorded(st, scope); err != nil {
					return err
				}
			}
			for _, p := range paths {
				a.out.Text(string(p) + "\n")
			}
			return nil
		},
	}
}

func newStateShow(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show PATH",
		Short: "Show what is recorded of one resource",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			_, st, err := a.session.State()
			if err != nil {
				return err
			}
			p, err := resource.ParsePath(args[0])
			if err != nil {
				return err
			}
			record := st.Records[p]
			if record == nil {
				return fmt.Errorf("there is no %s %s in the state", p.Kind().Lower(), p)
			}
			if asJSON {
				return a.out.JSON(record)
			}
			data, err := state.EncodeManifest(record)
			if err != nil {
				return err
			}
			a.out.Manifest(string(data))
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func addLockTimeout(cmd *cobra.Command) *time.Duration {
	return cmd.Flags().Duration("lock-timeout", 0, "how long to wait for another kuke command to end, such as 30s")
}

func newStateRm(a *app) *cobra.Command {
	var autoApprove bool
	cmd := &cobra.Command{
		Use:   "rm PATH",
		Short: "Forget a resource and what is below it, and leave the host alone",
		Long: "rm takes a resource, and all that is below it, out of the state. What runs goes on running. The next apply of a\n" +
			"configuration that declares it recognises containers by their labels and adopts them. A destroy removes them.",
		Args: cobra.ExactArgs(1),
	}
	lockTimeout := addLockTimeout(cmd)
	cmd.Flags().BoolVar(&autoApprove, "auto-approve", false, "do not ask")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		scope, err := resource.ParsePath(args[0])
		if err != nil {
			return err
		}
		return a.session.Forget(cmd.Context(), scope, *lockTimeout, func(paths []resource.Path) error {
			for _, p := range paths {
				a.out.Text(fmt.Sprintf("%s %s will be forgotten\n", p.Kind().Lower(), p))
			}
			if autoApprove {
				return nil
			}
			return a.approve(cmd.Context(), false)
		})
	}
	return cmd
}

func newStatePull(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "pull",
		Short: "Print the whole state as JSON, for state push",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, st, err := a.session.State()
			if err != nil {
				return err
			}
			return a.out.JSON(st)
		},
	}
}

func newStatePush(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "push FILE|-",
		Short: "Make the state what a file from state pull says",
		Long: "push replaces the recorded state. It refuses a file of another state (another lineage) and one that is older than\n" +
			"what is recorded (a lower serial), unless with --force. The next plan shows how the host differs from it.",
		Args: cobra.ExactArgs(1),
	}
	lockTimeout := addLockTimeout(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "push it whatever its lineage and serial")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		pushed, err := a.readPushed(args[0])
		if err != nil {
			return err
		}
		if err := a.session.Push(cmd.Context(), args[0], pushed, force, *lockTimeout); err != nil {
			return err
		}
		a.out.Text(fmt.Sprintf("The state holds %d resources now.\n", len(pushed.Records)))
		return nil
	}
	return cmd
}

func (a *app) readPushed(name string) (*state.State, error) {
	var data []byte
	var err error
	if name == "-" {
		data, err = io.ReadAll(a.stdin)
	} else {
		data, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, fmt.Errorf("read the state to push: %w", err)
	}
	st, err := state.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("read the state to push: %s: %w", name, err)
	}
	return st, nil
}

func newStateRebuild(a *app) *cobra.Command {
	var fromHost bool
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "Write the index anew from the manifests, or record anew what the host tells",
		Long: "rebuild writes state.json anew from the tree of manifests, which is the record. A broken or missing index is\n" +
			"rebuilt by the next apply as well.\n\n" +
			"With --from-host it also records what is not recorded and yet there, so that a lost state directory costs no\n" +
			"container: realms and containers by their labels in containerd, spaces by their CNI networks, stacks and cells by\n" +
			"their cgroups. What each container was made from and changed to is kept with it in containerd, sensitive values\n" +
			"sealed. Nothing that runs is touched. What the host doesn't tell, such as rules for egress, the next apply brings back\n" +
			"in place. Logs that were lost with the directory, and changes of names in the /etc/hosts that was lost with it, are not\n" +
			"seen again before a container is restarted.",
		Args: cobra.NoArgs,
	}
	lockTimeout := addLockTimeout(cmd)
	cmd.Flags().BoolVar(&fromHost, "from-host", false, "record what the host tells of what is not recorded")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if fromHost {
			return a.rebuildFromHost(cmd.Context(), *lockTimeout)
		}
		resources, err := a.session.RebuildIndex(cmd.Context(), *lockTimeout)
		if err != nil {
			return err
		}
		a.out.Text(fmt.Sprintf("The index is written anew, with %d resources.\n", resources))
		return nil
	}
	return cmd
}

func (a *app) rebuildFromHost(ctx context.Context, lockTimeout time.Duration) error {
	rebuilt, err := a.session.Rebuild(ctx, lockTimeout)
	if err != nil {
		return err
	}
	for _, r := range rebuilt.Records {
		a.out.Text(fmt.Sprintf("%s %s is recorded\n", r.Path.Kind().Lower(), r.Path))
	}
	for _, note := range rebuilt.Notes {
		a.errs.Text("Note: " + note + "\n")
	}
	a.out.Text(fmt.Sprintf("The state holds %d resources now, %d of them as the host tells.\n", rebuilt.Resources, len(rebuilt.Records)))
	return nil
}
