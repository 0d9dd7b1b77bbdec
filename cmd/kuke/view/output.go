package view

import (
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty/json"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Output prints the value of an output, with its name where that is not empty.
func (v *View) Output(name string, o *state.Output) {
	text := outputText(o)
	if name != "" {
		text = name + " = " + text
	}
	v.printf("%s\n", text)
}

// outputText spells a value as the console does: a collection takes several lines.
func outputText(o *state.Output) string {
	switch {
	case o == nil:
		return "(none)"
	case o.Sensitive:
		return "(sensitive value)"
	}
	ty, err := json.UnmarshalType(o.Type)
	if err != nil {
		return visible(string(o.Value))
	}
	val, err := json.Unmarshal(o.Value, ty)
	if err != nil {
		return visible(string(o.Value))
	}
	lines := strings.Split(config.Spell(val), "\n")
	for i := range lines {
		lines[i] = visible(lines[i])
	}
	return strings.Join(lines, "\n")
}

// outputChanges prints how the outputs change.
func (v *View) outputChanges(b *strings.Builder, changes []plan.OutputChange) {
	if len(changes) == 0 {
		return
	}
	b.WriteString("\nChanges to outputs:\n")
	for _, c := range changes {
		indented := func(o *state.Output) string { return strings.ReplaceAll(outputText(o), "\n", "\n    ") }
		switch {
		case c.Before == nil:
			fmt.Fprintf(b, "  %s %s = %s\n", v.green("+"), c.Name, indented(c.After))
		case c.After == nil:
			fmt.Fprintf(b, "  %s %s\n", v.red("-"), c.Name)
		default:
			fmt.Fprintf(b, "  %s %s = %s -> %s\n", v.yellow("~"), c.Name, indented(c.Before), indented(c.After))
		}
	}
}

// surgery prints the changes of the state that a plan makes before its first step.
func (v *View) surgery(b *strings.Builder, p *plan.Plan) {
	for _, m := range p.Moves {
		fmt.Fprintf(b, "\n%s %s has moved to %s, without a restart\n", v.cyan("  ="), v.bold("%s %s", m.From.Kind().Lower(), m.From), m.To)
	}
	for _, i := range p.Imports {
		fmt.Fprintf(b, "\n%s %s will be imported: container %s in containerd namespace %s\n", v.cyan("  ="), v.bold("container %s", i.Record.Path), visible(i.Record.Status.ContainerID), visible(i.Record.Status.Namespace))
	}
}

// AskVariable prints the question for the value of a variable.
func (v *View) AskVariable(name, description string) {
	v.printf("%s\n", v.bold("var.%s", name))
	if description != "" {
		v.printf("  %s\n", visible(strings.TrimSpace(description)))
	}
	v.printf("  Enter a value: ")
}
