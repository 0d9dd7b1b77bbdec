package main

import (
	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/doctor"
)

func newDoctor(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Tell what this host has and lacks, with the fix for each",
		Args:  cobra.NoArgs,
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
