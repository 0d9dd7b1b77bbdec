package main

import (
	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/config/resource"
)

func newValidate(a *app) *cobra.Command {
	o := &planOptions{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the configuration",
		Long: "validate checks the configuration alone. It needs neither root nor containerd and does not read the state: plan\n" +
			"reports a missing parent that the configuration does not declare.\n" +
			"\n" +
			"Variables need no values: those without are unknown, and validate checks all that does not depend on them. So it\n" +
			"also checks the folder of a module.",
		Example: "  kuke validate\n  kuke validate -f main.hcl --json\n  kuke validate -f modules/site",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.unassigned = true
			c, diags, err := o.load(cmd.Context(), a)
			if err != nil {
				return err
			}
			tree := c.Tree
			if asJSON {
				if err := a.out.ValidationJSON(diags, c.Sources); err != nil {
					return err
				}
				if diags.HasErrors() {
					return exitCode(exitError)
				}
				return nil
			}
			if tree != nil {
				for _, r := range tree.Undeclared() {
					parent := r.Path.Parent()
					diags.Warnf(r.Declared, r.Path, "Parent is not declared",
						"%s %s is not declared here: it must exist when this is applied. Declare it; with external = true, if another project does.", parent.Kind().Lower(), parent)
				}
			}
			if err := a.session.Report(diags); err != nil {
				a.out.Invalid(diags)
				return err
			}
			a.out.Valid(counts(tree))
			return nil
		},
	}
	o.addInputFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "diagnostics as JSON")
	return cmd
}

func counts(tree *resource.Tree) map[resource.Kind]int {
	m := map[resource.Kind]int{}
	for _, r := range tree.Resources() {
		m[r.Path.Kind()]++
	}
	return m
}
