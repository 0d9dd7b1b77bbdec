package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/planner/jsonplan"
)

func newVersion(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of kuke",
		Example: "  kuke version\n  kuke version -json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return a.out.JSON(jsonplan.OfVersion(version, runtime.GOOS+"_"+runtime.GOARCH))
			}
			_, err := fmt.Fprintln(a.stdout, versionLine())
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "output as JSON in Terraform's format")
	return cmd
}

// versionLine returns the line that kuke version and kuke --version print.
func versionLine() string {
	return fmt.Sprintf("kuke %s (%s, %s/%s)", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
