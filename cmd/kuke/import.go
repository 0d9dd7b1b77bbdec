package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/state"
)

func newImport(a *app) *cobra.Command {
	var namespace string
	var lockTimeout time.Duration
	cmd := &cobra.Command{
		Use:   "import PATH CONTAINERD-ID",
		Short: "Manage a container that ctr or nerdctl made",
		Long: "import records a container of the realm's containerd namespace at PATH, as one of the project, and prints the HCL that\n" +
			"describes it: put that into the configuration, and a plan finds nothing to do. What no configuration can put\n" +
			"stands in comments. The container goes on as it is. Without --project the project is that of its cell.\n\n" +
			"The realm, space, stack and cell of PATH must be recorded, and the cell have a root container. containerd can neither\n" +
			"rename a container nor move it to another namespace: it keeps its id, its cgroup, its own network namespace (so that\n" +
			"ports of the cell don't lead to it, and it is not known by name) and its output (kuke logs shows what it prints once\n" +
			"it has been started by kuke). For a namespace such as nerdctl's, make a realm with namespace = \"default\". A change\n" +
			"that replaces it makes a container like any other of the cell; what it has written inside is lost then. destroy\n" +
			"removes it.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := resource.ParsePath(args[0])
			if err != nil {
				return err
			}
			return a.importContainer(cmd.Context(), p, namespace, args[1], lockTimeout)
		},
	}
	cmd.Flags().StringVar(&namespace, "namespace", "", "containerd namespace of the container (default, and the only one possible: that of the realm)")
	cmd.Flags().DurationVar(&lockTimeout, "lock-timeout", 0, "how long to wait for another kuke command to end, such as 30s")
	return cmd
}

func (a *app) importContainer(ctx context.Context, p resource.Path, namespace, id string, lockTimeout time.Duration) error {
	return a.changeHost(ctx, lockTimeout, func(exec *executor.Executor, _ *state.Store, st *state.State) error {
		if err := planner.CheckImport(st, p, namespace, id); err != nil {
			return err
		}
		// It goes with its cell, as long as nobody says otherwise.
		a.project.name = a.projectName
		if cell := st.Records[p.Parent()]; a.projectName == "" && cell != nil {
			a.project.name = cell.Status.Project
		}
		record, text, err := a.foreign(ctx, exec, st, p, id, nil)
		if err != nil {
			return err
		}
		if err := exec.Import(ctx, record); err != nil {
			return err
		}
		a.out.Text(text)
		return nil
	})
}

// foreign returns the record of a container of others as the one at p, where [planner.CheckImport] allows that, with the
// sensitive leaves sealed, and its configuration as text.
func (a *app) foreign(ctx context.Context, exec *executor.Executor, st *state.State, p resource.Path, id string, sensitive map[string]bool) (*state.Record, string, error) {
	found, err := exec.Inspect(ctx, st.Namespace(p, nil), id, p.Parent())
	if err != nil {
		return nil, "", err
	}
	if err := planner.CheckImportLabels(id, found.Labels); err != nil {
		return nil, "", err
	}
	spec, text, err := written(p, id, found)
	if err != nil {
		return nil, "", err
	}
	if len(sensitive) > 0 {
		r := &resource.Resource{Path: p, Spec: spec, Sensitive: sensitive}
		tree := resource.NewTree()
		tree.Add(r)
		if err := exec.Seal(tree); err != nil {
			return nil, "", err
		}
		spec = r.Spec.(*resource.Container)
	}
	return planner.Imported(st, p, id, a.project.name, spec, found.ImageDigest, found.CreatedAt), text, nil
}

// written returns the configuration of a container that was found, as text and as that is read again.
func written(p resource.Path, id string, found *executor.Found) (*resource.Container, string, error) {
	if found.Spec.Image == "" {
		return nil, "", fmt.Errorf("container %q was made from no image: a configuration can't put that", id)
	}
	tree := resource.NewTree()
	tree.Add(&resource.Resource{Path: p, Spec: found.Spec})
	text := config.EncodeHCL(tree)
	again, diags := config.Load(config.Text(text))
	if diags.HasErrors() {
		for i := range diags {
			diags[i].Subject = resource.Range{} // nobody wrote that text
		}
		return nil, "", fmt.Errorf("container %q can't be put in a configuration: %w", id, diags)
	}
	for _, lost := range found.Lost {
		text = append(text, []byte("# Not in the configuration, and lost when it is replaced: "+lost+".\n")...)
	}
	return again.Tree.Resource(p).Spec.(*resource.Container), string(text), nil
}
