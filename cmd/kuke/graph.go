package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/view"
)

func newGraph(a *app) *cobra.Command {
	o := &planOptions{}
	var format string
	cmd := &cobra.Command{
		Use:   "graph [PLANFILE]",
		Short: "Draw what depends on what, as DOT or Mermaid",
		Long: "graph draws the resources of the configuration, each with an arrow to what it is made after and destroyed\n" +
			"before: its level of the hierarchy, the root container of its cell, what it depends_on or refers to. What is\n" +
			"managed elsewhere is dashed. Where no root container is written, it is that of a new cell. Of a saved plan it draws\n" +
			"the steps, each with an arrow to those it waits for.\n" +
			"It needs neither root nor containerd. As a picture: kuke graph | dot -Tsvg > graph.svg",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(view.GraphFormats, format) {
				return fmt.Errorf("--format: there is no format %q: use %s", format, strings.Join(view.GraphFormats, " or "))
			}
			if len(args) == 0 {
				in, err := o.input(cmd.Context(), a)
				if err != nil {
					return err
				}
				c, err := a.session.Read(cmd.Context(), in)
				if err != nil {
					return err
				}
				return a.out.Dependencies(c.Tree, format)
			}
			if given := a.given(cmd, inputFlags); len(given) > 0 {
				return fmt.Errorf("a saved plan holds all that is drawn of it: leave out %s", strings.Join(given, ", "))
			}
			saved, err := a.session.LoadPlan(args[0])
			if err != nil {
				return err
			}
			return a.out.Steps(saved, format)
		},
	}
	o.addInputFlags(cmd)
	cmd.Flags().StringVar(&format, "format", view.GraphFormats[0], "one of "+strings.Join(view.GraphFormats, ", "))
	return cmd
}
