package eval

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/lang/variable"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// Declare evaluates the root module, with the values assigned to its variables, and all modules that are called, and returns
// these module instances and the resources that they declare, in the order of the source.
func (e *Evaluator) Declare(root *module.Module, assigned map[string]variable.Value) ([]*ModuleInstance, []*schema.Declaration) {
	e.rootDir = root.Dir
	e.root = e.instantiate(root, "")
	e.root.assigned = assigned
	modules := []*ModuleInstance{e.root}
	for i := 0; i < len(modules); i++ {
		m := modules[i]
		m.declareModule()
		for _, call := range m.Module.CallOrder {
			if x, ok := m.expandCall(call, source.RangeOf(call.Syntax.DefRange())); ok {
				modules = append(modules, x.instances...)
			}
		}
	}
	return modules, e.declared
}

// CheckConditions evaluates the postconditions of resources and the check blocks of modules. The declarations are in the tree
// by then.
func (e *Evaluator) CheckConditions(modules []*ModuleInstance) {
	clear(e.objects) // which container is a cell's root is known only now
	e.Pending = e.Pending || slices.ContainsFunc(e.declared, func(d *schema.Declaration) bool { return d.Incomplete })
	for _, n := range e.all {
		e.postconditions(n)
	}
	for _, m := range modules {
		m.checks()
	}
}

// Outputs returns the output values of the root module, in the order of their names.
func (e *Evaluator) Outputs() []Output {
	var all []Output
	for _, name := range slices.Sorted(maps.Keys(e.root.Module.Outputs)) {
		o := e.root.Module.Outputs[name]
		if val, ok := e.root.result(name, o.Declared); ok {
			e.Pending = e.Pending || !val.IsWhollyKnown()
			all = append(all, Output{Name: name, Description: o.Description, Value: val, Sensitive: o.Sensitive || functions.IsSensitive(val), Declared: o.Declared})
		}
	}
	return all
}

// EvaluateAlone evaluates an expression in the root module and reports to diags, with the bounds of a whole configuration.
func (e *Evaluator) EvaluateAlone(expr hclsyntax.Expression, diags *resource.Diagnostics) (cty.Value, bool) {
	before := e.diags
	e.diags, e.spent = diags, 0
	defer func() { e.diags = before }()
	return e.evaluate(expr, e.root.Scope())
}

// declareModule evaluates the variables, local values and resources of a module, used or not, so that every error is
// reported.
func (m *ModuleInstance) declareModule() {
	for _, name := range slices.Sorted(maps.Keys(m.Module.Variables)) {
		m.variable(name, m.Module.Variables[name].Declared)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Module.Locals)) {
		m.local(name, source.RangeOf(m.Module.Locals[name].NameRange))
	}
	for _, b := range m.Module.Blocks {
		m.declareAll(b)
	}
	m.Eval.declared = append(m.Eval.declared, m.Module.Manifests...)
	for _, name := range slices.Sorted(maps.Keys(m.Module.Outputs)) {
		m.result(name, m.Module.Outputs[name].Declared)
	}
}
