package view

import (
	"fmt"
	"slices"
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
func (ink *palette) outputChanges(b *page, changes []plan.OutputChange) {
	if len(changes) == 0 {
		return
	}
	b.writef("\nChanges to outputs:\n")
	for _, c := range changes {
		indented := func(o *state.Output) string { return strings.ReplaceAll(outputText(o), "\n", "\n    ") }
		switch {
		case c.Before == nil:
			b.add(classAdd, "  ", ink.green("+"), fmt.Sprintf(" %s = %s\n", c.Name, indented(c.After)))
		case c.After == nil:
			b.add(classDelete, "  ", ink.red("-"), fmt.Sprintf(" %s\n", c.Name))
		case !ink.changedOutput(b, c):
			b.add(classChange, "  ", ink.yellow("~"), fmt.Sprintf(" %s = %s -> %s\n", c.Name, indented(c.Before), indented(c.After)))
		}
	}
}

// changedOutput prints the lines of a collection that differ, with those around them. It reports whether the output is one before
// and after.
func (ink *palette) changedOutput(b *page, c plan.OutputChange) bool {
	before, after := linesOf(outputText(c.Before)), linesOf(outputText(c.After))
	open, end := before[0], before[len(before)-1]
	if len(before) < 2 || len(after) < 2 || open != after[0] || end != after[len(after)-1] {
		return false
	}
	b.add(classChange, "  ", ink.yellow("~"), fmt.Sprintf(" %s = %s\n", c.Name, open))
	inner := func(lines []string) []string {
		lines = slices.Clone(lines[1 : len(lines)-1])
		if !strings.HasPrefix(open, "<<") { // the lines of a text are not indented
			for i := range lines {
				lines[i] = strings.TrimPrefix(lines[i], "  ")
			}
		}
		return lines
	}
	for _, e := range edits(inner(before), inner(after), contextLines) {
		ink.edit(b, "      ", e, "line", func(text string) string { return text })
	}
	b.writef("    %s\n", end)
	return true
}

// surgery prints the changes of the state that a plan makes before its first step.
func (ink *palette) surgery(b *page, p *plan.Plan) {
	for _, m := range p.Moves {
		b.writef("\n")
		b.add(classChange, "  ", ink.cyan("="), fmt.Sprintf(" %s has moved to %s, without a restart\n", ink.bold("%s %s", m.From.Kind().Lower(), m.From), m.To))
	}
	for _, i := range p.Imports {
		b.writef("\n")
		b.add(classChange, "  ", ink.cyan("="), fmt.Sprintf(" %s will be imported: container %s in containerd namespace %s\n", ink.bold("container %s", i.Record.Path), visible(i.Record.Status.ContainerID), visible(i.Record.Status.Namespace)))
	}
}

// Prompt prints a question for a value that follows in the same line.
func (v *View) Prompt(text string) { v.printf("%s: ", visible(text)) }

// AskVariable prints the question for the value of a variable.
func (v *View) AskVariable(name, description string) {
	v.printf("%s\n", v.ink.bold("var.%s", name))
	if description != "" {
		v.printf("  %s\n", visible(strings.TrimSpace(description)))
	}
	v.printf("  Enter a value: ")
}
