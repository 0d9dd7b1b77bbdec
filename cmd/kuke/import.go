package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/config/resource"
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
			text, err := a.session.Import(cmd.Context(), p, namespace, args[1], lockTimeout)
			if err != nil {
				return err
			}
			a.out.Text(text)
			return nil
		},
	}
	cmd.Flags().StringVar(&namespace, "namespace", "", "containerd namespace of the container (default, and the only one possible: that of the realm)")
	cmd.Flags().DurationVar(&lockTimeout, "lock-timeout", 0, "how long to wait for another kuke command to end, such as 30s")
	return cmd
}
