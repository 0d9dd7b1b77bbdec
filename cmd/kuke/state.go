package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

func newState(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Inspect and change the recorded state",
		Long: "The state is the record of all resources that kuke manages. These commands change nothing on the host: a resource\n" +
			"without a record keeps running, and the next apply recognises it by its labels.",
		Example: "  kuke state list\n  kuke state mv main/default/blog/web main/default/blog/www",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStateList(a), newStateShow(a), newStateMv(a), newStateRm(a), newStatePull(a), newStatePush(a), newStateRebuild(a))
	return cmd
}

func newStateList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list [PATH]",
		Short:   "List the recorded resources",
		Example: "  kuke state list main/default",
		Args:    cobra.MaximumNArgs(1),
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
		Use:     "show PATH",
		Short:   "Show the record of a resource",
		Example: "  kuke state show main/default/blog/web/nginx",
		Args:    cobra.ExactArgs(1),
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
				return st.Missing(p)
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
	cmd.Flags().BoolVar(&asJSON, "json", false, "output as JSON")
	return cmd
}

func addLockTimeout(cmd *cobra.Command) *time.Duration {
	return cmd.Flags().Duration("lock-timeout", 0, "maximum `time` to wait for another kuke command, like 30s")
}

func newStateRm(a *app) *cobra.Command {
	var autoApprove bool
	cmd := &cobra.Command{
		Use:   "rm PATH",
		Short: "Remove the records of a resource and of the resources below it",
		Long: "rm removes records. Containers keep running. The next apply of a configuration that declares them recognises\n" +
			"containers by their labels and adopts them. A destroy removes them.",
		Example: "  kuke state rm main/default/blog/web",
		Args:    cobra.ExactArgs(1),
	}
	lockTimeout := addLockTimeout(cmd)
	cmd.Flags().BoolVar(&autoApprove, "auto-approve", false, "approval without a prompt")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		scope, err := resource.ParsePath(args[0])
		if err != nil {
			return err
		}
		return a.session.Forget(cmd.Context(), scope, *lockTimeout, func(paths []resource.Path) error {
			for _, p := range paths {
				a.out.Text(fmt.Sprintf("the record of %s %s will be removed\n", p.Kind().Lower(), p))
			}
			if autoApprove {
				return nil
			}
			return a.approve(cmd.Context(), nil)
		})
	}
	return cmd
}

func newStatePull(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "pull",
		Short:   "Print the state as JSON",
		Example: "  kuke state pull > state.json",
		Args:    cobra.NoArgs,
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
		Short: "Replace the state with a file written by `state pull`",
		Long: "push replaces the recorded state. It refuses a file with another lineage and a file with a lower serial than the\n" +
			"state, unless --force is given. The next plan shows the differences to the host.",
		Example: "  kuke state push state.json\n  kuke state push --force - < state.json",
		Args:    cobra.ExactArgs(1),
	}
	lockTimeout := addLockTimeout(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "replacement whatever the lineage and serial of the file")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		pushed, err := a.readPushed(args[0])
		if err != nil {
			return err
		}
		if err := a.session.Push(cmd.Context(), args[0], pushed, force, *lockTimeout); err != nil {
			return err
		}
		a.out.Text("The state now has " + view.Count(len(pushed.Records), "resource") + ".\n")
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
		Short: "Rebuild the state index, or the whole state from the host",
		Long: "rebuild writes state.json again from the manifests, which are the record. The next apply rebuilds a damaged or\n" +
			"missing index too.\n" +
			"\n" +
			"With --from-host, rebuild also records resources of the host that have no record, so that a lost state directory\n" +
			"costs no container. It finds realms and containers by their labels in containerd, spaces by their CNI networks, and\n" +
			"stacks and cells by their cgroups. containerd keeps the attributes of each container, sensitive values sealed.\n" +
			"Nothing that runs is touched. The next apply restores attributes that the host does not reveal, like rules for\n" +
			"egress, in place. The lost logs stay lost: kuke logs shows no output of a container, and its /etc/hosts no new names,\n" +
			"until it restarts.",
		Example: "  kuke state rebuild\n  kuke state rebuild --from-host",
		Args:    cobra.NoArgs,
	}
	lockTimeout := addLockTimeout(cmd)
	cmd.Flags().BoolVar(&fromHost, "from-host", false, "records of resources on the host that have none")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if fromHost {
			return a.rebuildFromHost(cmd.Context(), *lockTimeout)
		}
		resources, err := a.session.RebuildIndex(cmd.Context(), *lockTimeout)
		if err != nil {
			return err
		}
		a.out.Text("Rebuilt the index with " + view.Count(resources, "resource") + ".\n")
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
		a.out.Text(fmt.Sprintf("recorded %s %s\n", r.Path.Kind().Lower(), r.Path))
	}
	for _, note := range rebuilt.Notes {
		a.errs.Text("Note: " + note + "\n")
	}
	a.out.Rebuilt(rebuilt.Resources, len(rebuilt.Records))
	return nil
}
