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
		Short: "Import a container of ctr or nerdctl",
		Long: "import records a container of the realm's containerd namespace at PATH and prints its HCL. With that HCL in the\n" +
			"configuration, a plan has no changes. Comments in the HCL name the settings that no configuration can express. The\n" +
			"container keeps running. Without --project, it belongs to the project of its cell.\n" +
			"\n" +
			"The realm, space, stack and cell of PATH must be recorded, and the cell must have a root container. containerd\n" +
			"cannot rename a container or move it to another namespace. The container keeps its ID, its cgroup, its own network\n" +
			"namespace (ports and names of the cell do not reach it) and its output (kuke logs shows it after the next start by\n" +
			"kuke). For the namespace of nerdctl, declare a realm with namespace = \"default\".\n" +
			"\n" +
			"A change that replaces the container creates an ordinary container of the cell, without the files that the old one\n" +
			"wrote. destroy removes an imported container.",
		Example: "  kuke import main/default/blog/web/legacy nginx-1\n  kuke import main/default/blog/web/legacy 5f3a9c --project shop",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := resource.ParsePath(args[0])
			if err != nil {
				return err
			}
			text, err := a.session.Import(cmd.Context(), p, namespace, args[1], lockTimeout)
			a.out.Text(text)
			return err
		},
	}
	cmd.Flags().StringVar(&namespace, "namespace", "", "containerd `namespace` of the container, which must be that of the realm")
	cmd.Flags().DurationVar(&lockTimeout, "lock-timeout", 0, "maximum `time` to wait for another kuke command, like 30s")
	return cmd
}
