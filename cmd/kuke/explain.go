package main

import (
	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/config"
)

func newExplain(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [KIND[.FIELD...]]",
		Short: "Explain a kind or an attribute",
		Long: "explain shows how a kind or an attribute is written in YAML and in HCL, its type and default, and whether a change\n" +
			"replaces the resource. It accepts the names of both languages. Without an argument it lists the kinds.",
		Example: "  kuke explain\n  kuke explain container\n  kuke explain container.resources.cpuWeight",
		Args:    cobra.MaximumNArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var all []string
			for _, c := range config.Completions(begun) {
				all = append(all, cobra.CompletionWithDesc(c[0], c[1]))
			}
			// A name may go on with one of its fields.
			return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				a.out.Kinds()
				return nil
			}
			e, err := config.Explain(args[0])
			if err != nil {
				return err
			}
			a.out.Explanation(e)
			return nil
		},
	}
}
