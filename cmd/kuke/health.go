package main

import (
	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/session"
)

func newHealth(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "health",
		Short:   "Keep the health of containers up",
		Example: "  kuke health run",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newHealthRun(a))
	return cmd
}

func newHealthRun(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Run the healthchecks of all containers until it is interrupted",
		Long: "run checks the recorded containers of all projects at their intervals. A container that has started is starting until\n" +
			"its first success; it becomes unhealthy after retries failures in a row, and healthy with a success. kuke get shows the\n" +
			"result as long as run runs. run restarts a container that becomes unhealthy if its healthcheck has\n" +
			"on_unhealthy = \"restart\": 10 seconds after the last restart at the earliest, then 20, and so on up to 5 minutes.\n" +
			"\n" +
			"run prints the changes. It holds the lock of the state only while it restarts a container, and waits while containerd\n" +
			"is away. A second run waits for the end of the first. kuke service install --health installs a unit for it.",
		Example: "  kuke health run",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.session.KeepHealth(cmd.Context(), func(e session.HealthEvent) { a.out.Event(e.Path, e.Text) })
		},
	}
}
