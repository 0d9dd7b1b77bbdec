package eval

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/lang/variable"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/outline"
)

// variable returns the value of a variable.
func (m *ModuleInstance) variable(name string, at resource.Range) (cty.Value, bool) {
	v := m.Module.Variables[name]
	if v == nil {
		m.undeclared("variable", name, slices.Sorted(maps.Keys(m.Module.Variables)), fmt.Sprintf("Declare it: variable %q {}.", message.Shorten(name)), at)
		return cty.DynamicVal, false
	}
	l := memo(m.variables, name)
	if l.state == running && m.Eval.running[len(m.Eval.running)-1] == m.name("var."+name) {
		// A validation looks at its own variable.
		return l.value, l.ok
	}
	return m.Eval.once(l, m.name("var."+name), at, func() (cty.Value, bool) {
		val, ok := m.input(v)
		if !ok {
			return cty.DynamicVal, false
		}
		l.value, l.ok = mark(val, v.Sensitive), true
		for _, r := range v.Validations {
			holds, problem := m.Eval.holds(r, m.Scope(), resource.Error, "Invalid value of a variable", "")
			m.check(outline.KindVariable, name, holds, problem)
		}
		return l.value, true
	})
}

// input returns the value given for v.
func (m *ModuleInstance) input(v *module.Variable) (cty.Value, bool) {
	if m.call == nil {
		return m.assignment(v)
	}
	attr := m.call.Syntax.Body.Attributes[v.Name]
	if attr == nil {
		if v.Default == cty.NilVal {
			m.Eval.diags.Errorf(source.RangeOf(m.call.Syntax.DefRange()), "", "Missing argument", "The module %s needs a value for %s.%s Write %s = … here.", m.call.Label, v.Name, explained(v.Description), v.Name)
			return cty.DynamicVal, false
		}
		return v.Default, true
	}
	val, ok := m.Eval.evaluate(attr.Expr, m.outside)
	if !ok {
		return cty.DynamicVal, false
	}
	val, err := v.Given(val)
	if err != nil {
		m.Eval.diags.Errorf(source.RangeOf(attr.Expr.Range()), "", "Wrong type", "%s is no value for the variable %s of the module: %s.", message.Shorten(attr.Name), v.Name, err)
		return cty.DynamicVal, false
	}
	return val, true
}

// explained returns a description as a sentence with a space before it, or nothing.
func explained(description string) string {
	text := strings.TrimSpace(description)
	if text == "" {
		return ""
	}
	return " " + strings.TrimSuffix(text, ".") + "."
}

// inBrackets returns a description in brackets, to follow a name.
func inBrackets(description string) string {
	text := strings.TrimSuffix(strings.TrimSpace(description), ".")
	if text == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", text)
}

// assignment returns the value assigned to a variable of the root module.
func (m *ModuleInstance) assignment(v *module.Variable) (cty.Value, bool) {
	a, found := m.assigned[v.Name]
	if a.Unusable {
		return cty.DynamicVal, false
	}
	if !found {
		switch {
		case v.Default != cty.NilVal:
			return v.Default, true
		case m.Eval.options.Unassigned && v.Type == cty.DynamicPseudoType:
			return cty.DynamicVal, true
		case m.Eval.options.Unassigned:
			return cty.UnknownVal(v.Type), true
		case m.Eval.options.Ask == nil:
			m.Eval.diags.Errorf(v.Declared, "", "Missing value", "The variable %s%s has no value. Give it one with --var %s=…, with --var-file, or with the environment variable %s%s; or give it a default.", v.Name, inBrackets(v.Description), v.Name, variable.EnvPrefix, v.Name)
			return cty.DynamicVal, false
		}
		text, err := m.Eval.options.Ask(v.Name, v.Description, v.Sensitive)
		if err != nil {
			m.Eval.diags.Errorf(v.Declared, "", "Missing value", "The variable %s has no value: %v.", v.Name, err)
			return cty.DynamicVal, false
		}
		a = variable.Entered(text)
	}
	val, err := a.Parse(v)
	if err == nil {
		val, err = v.Given(val)
	}
	if err != nil {
		at := a.At
		if at.File == "" {
			at = v.Declared
		} else if v.Sensitive {
			m.Eval.sources.Hide(at.File)
		}
		m.Eval.diags.Errorf(at, "", "Wrong type", "The value for the variable %s, from %s, can't be used: %s.", v.Name, a.From, strings.TrimSuffix(err.Error(), "."))
		return cty.DynamicVal, false
	}
	return val, true
}
