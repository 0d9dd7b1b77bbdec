package main

import (
	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
)

func newSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [KIND]",
		Short: "Print the JSON Schema of manifests, for editors",
		Long: "schema prints the JSON Schema (draft 2020-12) of the YAML manifests, of all kinds or of one, as this version reads\n" +
			"them. Editors with yaml-language-server check and complete by it a file that begins with\n\n" +
			"  # yaml-language-server: $schema=kuke.schema.json\n\n" +
			"What the schema refuses, kuke refuses; validate checks more than a schema can tell.",
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
	words := make([]string, 0, len(resource.Kinds))
	for _, k := range resource.Kinds {
		words = append(words, k.Lower())
	}
	return words
}
