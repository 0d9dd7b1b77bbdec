package main

import (
	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/doctor"
)

func newDoctor(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check this host and show the fix for each problem",
		Long: "doctor checks the programs, containerd, the cgroups, the firewalls, the confinement of containers, the state and\n" +
			"the recorded resources. Exit status: 0, or 1 if a requirement is missing.",
		Example: "  kuke doctor",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			checks := doctor.Checks(cmd.Context(), &a.session)
			a.out.Checks(checks)
			for _, c := range checks {
				if c.Needed && !c.OK {
					return exitCode(exitError)
				}
			}
			return nil
		},
	}
}
