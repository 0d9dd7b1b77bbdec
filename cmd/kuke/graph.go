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
		Short: "Draw the dependencies of resources as DOT, Mermaid or SVG",
		Long: "graph draws the resources of the configuration. An arrow leads to each resource that is created before and\n" +
			"destroyed after: the parent, the root container of the cell, and the resources of depends_on and of references.\n" +
			"External resources are dashed. If the configuration names no root container, graph shows that of a new cell.\n" +
			"\n" +
			"Of a saved plan, graph draws the steps with arrows to the steps that they wait for. graph needs neither root nor\n" +
			"containerd, and lays out SVG itself: a browser shows the file.",
		Example: "  kuke graph --format svg > graph.svg\n  kuke graph --format mermaid change.plan\n  kuke graph | dot -Tpng > graph.png",
		Args:    cobra.MaximumNArgs(1),
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
				return fmt.Errorf("a saved plan contains all of its steps: leave out %s", strings.Join(given, ", "))
			}
			saved, err := a.session.LoadPlan(args[0])
			if err != nil {
				return err
			}
			return a.out.Steps(saved, format)
		},
	}
	o.addInputFlags(cmd)
	cmd.Flags().StringVar(&format, "format", view.GraphFormats[0], "`format`: "+strings.Join(view.GraphFormats, ", "))
	return cmd
}
