package eval

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/outline"
)

// Output is an output value of the root module.
type Output struct {
	Name, Description string
	// Value is unknown while the configuration is Pending.
	Value     cty.Value
	Sensitive bool
	Declared  resource.Range
}

// output returns the value of module.<label>: an object of the outputs, or with for_each or count a collection of these
// objects.
func (m *ModuleInstance) output(label string, at resource.Range) (cty.Value, bool) {
	c := m.Module.Calls[label]
	if c == nil {
		m.undeclared("module", label, slices.Sorted(maps.Keys(m.Module.Calls)), fmt.Sprintf("Declare it: module %q { … }.", message.Shorten(label)), at)
		return cty.DynamicVal, false
	}
	x, ok := m.expandCall(c, at)
	if !ok {
		return cty.DynamicVal, false
	}
	var values []cty.Value
	for _, inner := range x.instances {
		outputs := map[string]cty.Value{}
		for name := range inner.Module.Outputs {
			val, found := inner.result(name, at)
			if !found {
				return cty.DynamicVal, false
			}
			outputs[name] = val
		}
		values = append(values, cty.ObjectVal(outputs))
	}
	return x.each.collect(values), true
}

// givesOut reports whether the module called label has the output that t refers to, or complains that it hasn't.
func (m *ModuleInstance) givesOut(label string, t hcl.Traversal) bool {
	x := m.calls[label]
	at := 2
	if x != nil && x.each.Keys != nil {
		at = 3 // after the key
	}
	if len(t) <= at || x == nil || len(x.instances) == 0 {
		return true
	}
	name, ok := source.StepName(t[at])
	outputs := x.instances[0].Module.Outputs
	if !ok || outputs[name] != nil {
		return true
	}
	m.Eval.diags.Errorf(source.RangeOf(t.SourceRange()), "", "Undeclared output", "The module %s gives out no %q.%s", label, message.Shorten(name),
		message.Or(message.Suggest(name, slices.Sorted(maps.Keys(outputs))), " Declare it there: output \""+message.Shorten(name)+"\" { value = … }."))
	return false
}

// result returns the value of an output.
func (m *ModuleInstance) result(name string, at resource.Range) (cty.Value, bool) {
	o := m.Module.Outputs[name]
	return m.Eval.once(memo(m.outputs, name), m.name("output."+name), at, func() (cty.Value, bool) {
		for _, r := range o.Preconditions {
			holds, problem := m.Eval.holds(r, m.Scope(), resource.Error, "Precondition does not hold", "")
			m.check(outline.KindOutput, name, holds, problem)
		}
		val, ok := m.Eval.evaluate(o.Value.Expr, m.Scope())
		if o.DependsOn != nil {
			ok = m.await(o.DependsOn) && ok
		}
		if ok && m.call == nil && !o.Sensitive && functions.IsSensitive(val) {
			m.Eval.diags.Errorf(source.RangeOf(o.Value.Expr.Range()), "", "Sensitive output", "The output %s holds a sensitive value, and would show it. Write sensitive = true in it, or nonsensitive(…) around a value that is no secret.", name)
			return val, false
		}
		return mark(val, o.Sensitive), ok
	})
}
