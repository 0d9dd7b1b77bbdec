package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/planner/jsonplan"
	"github.com/kukeon/kuke/planner/state"
)

func newOutput(a *app) *cobra.Command {
	var asJSON, raw bool
	cmd := &cobra.Command{
		Use:   "output [NAME]",
		Short: "Show the recorded outputs of the project",
		Long: "output prints all outputs of the project, or one, as the last apply recorded them. Values of sensitive outputs are\n" +
			"never recorded: only their names are shown.",
		Example: "  kuke output\n  kuke output -raw url\n  kuke output -json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			project, err := a.session.FindProject(config.Input{})
			if err != nil {
				return err
			}
			_, st, err := a.session.State()
			if err != nil {
				return err
			}
			outputs := st.Outputs[project]
			if len(args) == 0 {
				if raw {
					return fmt.Errorf("--raw prints one value: name the output, one of %v", slices.Sorted(maps.Keys(outputs)))
				}
				return a.allOutputs(project, outputs, asJSON)
			}
			o := outputs[args[0]]
			switch {
			case o == nil && len(outputs) == 0:
				return fmt.Errorf("project %s has no outputs: no apply has recorded any", project)
			case o == nil:
				return fmt.Errorf("project %s has no output %q; it has %v", project, args[0], slices.Sorted(maps.Keys(outputs)))
			case o.Sensitive:
				return fmt.Errorf("output %s is sensitive: sensitive values are never recorded", args[0])
			case raw:
				return a.rawOutput(args[0], o)
			case asJSON:
				return a.out.JSON(o.Value)
			}
			a.out.Output("", o)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "output as JSON")
	cmd.Flags().BoolVar(&raw, "raw", false, "string, number or boolean without quotes and newline")
	return cmd
}

func (a *app) allOutputs(project string, outputs map[string]*state.Output, asJSON bool) error {
	if asJSON {
		return a.out.JSON(jsonplan.OutputsOf(outputs))
	}
	if len(outputs) == 0 {
		a.errs.Note(fmt.Sprintf("project %s has no outputs", project))
	}
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		a.out.Output(name, outputs[name])
	}
	return nil
}

// rawOutput prints a value as scripts want it.
func (a *app) rawOutput(name string, o *state.Output) error {
	ty, err := ctyjson.ImpliedType(o.Value)
	if err != nil {
		return fmt.Errorf("output %s: %w", name, err)
	}
	if !ty.IsPrimitiveType() || ty == cty.DynamicPseudoType {
		return fmt.Errorf("output %s is no string, number or boolean: use --json", name)
	}
	var text string
	if json.Unmarshal(o.Value, &text) != nil {
		text = string(o.Value)
	}
	a.out.Text(text)
	return nil
}
