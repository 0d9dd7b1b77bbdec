package main

import (
	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/planner"
)

func newShow(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show [PLANFILE]",
		Short: "Show the recorded state, or a saved plan",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				plan, err := planner.LoadPlan(args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return a.out.JSON(plan)
				}
				a.out.Plan(plan)
				return nil
			}
			_, st, err := a.readState()
			if err != nil {
				return err
			}
			if asJSON {
				return a.out.JSON(st)
			}
			a.out.State(st)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
