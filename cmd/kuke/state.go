package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
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
			_, st, err := a.readState()
			if err != nil {
				return err
			}
			paths := st.Paths()
			if len(args) > 0 {
				if paths, err = recorded(st, args[0]); err != nil {
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

// recorded returns the recorded paths at and below arg, at least one.
func recorded(st *state.State, arg string) ([]resource.Path, error) {
	scope, err := resource.ParsePath(arg)
	if err != nil {
		return nil, err
	}
	paths := slices.DeleteFunc(st.Paths(), func(p resource.Path) bool { return !scope.Contains(p) })
	if len(paths) == 0 {
		return nil, fmt.Errorf("there is no %s %s in the state", scope.Kind().Lower(), scope)
	}
	return paths, nil
}

func newStateShow(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show PATH",
		Short: "Show what is recorded of one resource",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			_, st, err := a.readState()
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

// withState changes the state with the lock held, and writes its index.
func (a *app) withState(ctx context.Context, lockTimeout time.Duration, change func(*state.Store, *state.State) error) error {
	return a.locked(ctx, lockTimeout, func(store *state.Store, st *state.State) error {
		if err := change(store, st); err != nil {
			return err
		}
		return store.Commit()
	})
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
		return a.withState(cmd.Context(), *lockTimeout, func(store *state.Store, st *state.State) error {
			paths, err := recorded(st, args[0])
			if err != nil {
				return err
			}
			for _, p := range paths {
				a.out.Text(fmt.Sprintf("%s %s will be forgotten\n", p.Kind().Lower(), p))
			}
			if !autoApprove {
				if err := a.approve(cmd.Context(), false); err != nil {
					return err
				}
			}
			for _, p := range slices.Backward(paths) {
				if err := store.Forget(p); err != nil {
					return err
				}
			}
			return nil
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
			_, st, err := a.readState()
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
		return a.withState(cmd.Context(), *lockTimeout, func(store *state.Store, st *state.State) error {
			switch {
			case force || st.Lineage == "":
			case pushed.Lineage != st.Lineage:
				return fmt.Errorf("%s is of another state: its lineage is %s, that of this one %s: use --force to replace it all the same", args[0], pushed.Lineage, st.Lineage)
			case pushed.Serial < st.Serial:
				return fmt.Errorf("%s is older than the state: its serial is %d, that of the state %d: use --force to go back all the same", args[0], pushed.Serial, st.Serial)
			}
			if err := store.Replace(pushed); err != nil {
				return err
			}
			a.out.Text(fmt.Sprintf("The state holds %d resources now.\n", len(pushed.Records)))
			return nil
		})
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
			return a.changeHost(cmd.Context(), *lockTimeout, func(exec *executor.Executor, store *state.Store, st *state.State) error {
				store.Rebuild()
				if err := a.recoverState(cmd.Context(), exec, st); err != nil {
					return err
				}
				return store.Commit()
			})
		}
		return a.withState(cmd.Context(), *lockTimeout, func(store *state.Store, st *state.State) error {
			store.Rebuild()
			a.out.Text(fmt.Sprintf("The index is written anew, with %d resources.\n", len(st.Records)))
			return nil
		})
	}
	return cmd
}

// recoverState records what the host tells, and says what it doesn't.
func (a *app) recoverState(ctx context.Context, exec *executor.Executor, st *state.State) error {
	records, notes, err := exec.Recover(ctx, st, nil)
	if err != nil {
		return err
	}
	for _, r := range records {
		st.Records[r.Path] = r
	}
	if err := exec.RecordAgain(st, records); err != nil {
		return err
	}
	for _, r := range records {
		a.out.Text(fmt.Sprintf("%s %s is recorded\n", r.Path.Kind().Lower(), r.Path))
	}
	for _, note := range notes {
		a.errs.Text("Note: " + note + "\n")
	}
	a.out.Text(fmt.Sprintf("The state holds %d resources now, %d of them as the host tells.\n", len(st.Records), len(records)))
	return nil
}
