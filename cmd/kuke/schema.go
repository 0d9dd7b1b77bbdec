package main

import (
	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
)

func newSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [KIND]",
		Short: "Print the JSON Schema of manifests",
		Long: "schema prints the JSON Schema (draft 2020-12) of the YAML manifests of all kinds, or of one. Editors with\n" +
			"yaml-language-server check and complete a file that begins with\n" +
			"\n" +
			"    # yaml-language-server: $schema=kuke.schema.json\n" +
			"\n" +
			"kuke refuses everything that the schema refuses; validate checks more than a schema can.",
		Example:   "  kuke schema > kuke.schema.json\n  kuke schema container",
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: kindWords(),
		RunE: func(_ *cobra.Command, args []string) error {
			var kind resource.Kind
			if len(args) > 0 {
				var err error
				if kind, err = parseKind(args[0]); err != nil {
					return err
				}
			}
			return a.out.JSON(config.JSONSchema(kind))
		},
	}
}

func kindWords() []string {
	words := make([]string, 0, len(resource.AllKinds))
	for _, k := range resource.AllKinds {
		words = append(words, k.Lower())
	}
	return words
}
