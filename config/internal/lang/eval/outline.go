package eval

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/outline"
)

// Outline returns the configuration as it is written, without sensitive values. All of it is evaluated by then, without errors.
func (e *Evaluator) Outline(modules []*ModuleInstance) *outline.Outline {
	o := &outline.Outline{Variables: map[string]outline.Variable{}, Root: compose(e.root.Module, []*ModuleInstance{e.root}), Instances: []outline.Instance{}, Checks: []outline.Check{}}
	for name := range e.root.Module.Variables {
		l := e.root.variables[name]
		if l == nil || !l.ok || functions.IsSensitive(l.value) || !l.value.IsWhollyKnown() {
			o.Variables[name] = outline.Variable{Sensitive: true}
			continue
		}
		o.Variables[name] = outline.Variable{Value: module.JSON(l.value)}
	}
	for _, n := range e.all {
		if n.Path != "" {
			o.Instances = append(o.Instances, outline.Instance{Path: n.Path, Modules: n.in.chainOfAddresses(), Block: n.block.Chain(), Index: n.index(), References: n.references()})
		}
	}
	for _, m := range modules {
		for _, d := range m.Module.Manifests {
			if d.Path != "" {
				o.Instances = append(o.Instances, outline.Instance{Path: d.Path, Modules: m.chainOfAddresses(), Block: manifestAddress(d)})
			}
		}
	}
	slices.SortFunc(o.Instances, func(a, b outline.Instance) int { return resource.ComparePaths(a.Path, b.Path) })
	// A resource that is declared twice with the same values is one.
	o.Instances = slices.CompactFunc(o.Instances, func(a, b outline.Instance) bool { return a.Path == b.Path })
	for _, key := range slices.SortedFunc(maps.Keys(e.checked), checkKey.compare) {
		c := outline.Check{Kind: key.kind, Module: key.module, Type: key.kindOfResource, Name: key.name}
		for _, address := range slices.Sorted(maps.Keys(e.checked[key])) {
			c.Instances = append(c.Instances, *e.checked[key][address])
		}
		o.Checks = append(o.Checks, c)
	}
	return o
}

// compose returns the outline of a module with those of the modules that it calls. instances are its instances at this place.
func compose(m *module.Module, instances []*ModuleInstance) *outline.Module {
	o := *m.Outline
	o.Calls = make(map[string]outline.Call, len(m.Outline.Calls))
	for label, call := range m.Outline.Calls {
		var called *module.Module
		var inner []*ModuleInstance
		for _, i := range instances {
			if x := i.calls[label]; x != nil {
				called, inner = x.called, append(inner, x.instances...)
			}
		}
		if called != nil {
			call.Module = compose(called, inner)
		}
		call.Expressions = withheld(call.Expressions, called)
		o.Calls[label] = call
	}
	o.Resources = slices.Clone(o.Resources)
	for _, d := range m.Manifests {
		if d.Path != "" && d.Resource != nil {
			o.Resources = append(o.Resources, manifestOutline(d))
		}
	}
	return &o
}

// withheld returns the arguments of a call without the constants for sensitive variables: without all where the module is not known.
func withheld(arguments map[string]outline.Expression, called *module.Module) map[string]outline.Expression {
	arguments = maps.Clone(arguments)
	for name, expr := range arguments {
		if called == nil || called.Variables[name] != nil && called.Variables[name].Sensitive {
			expr.Constant = nil
			arguments[name] = expr
		}
	}
	return arguments
}

func manifestAddress(d *schema.Declaration) string { return d.Kind.Lower() + "." + string(d.Path) }

// manifestOutline returns a manifest, in which all values are written out.
func manifestOutline(d *schema.Declaration) outline.Resource {
	r := outline.Resource{
		Address: manifestAddress(d), Mode: outline.Managed, Type: outline.TypeOf(d.Kind), Name: d.Path.Name(), ProviderConfigKey: outline.ProviderKey,
		Expressions: map[string]outline.Expression{},
	}
	values, _ := resource.Values(d.Resource.Spec)
	for name, value := range values {
		if v := reflect.ValueOf(value); !v.IsValid() || v.Kind() == reflect.Bool && !v.Bool() || (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0 {
			continue
		}
		if data, err := json.Marshal(value); err == nil {
			r.Expressions[name] = outline.Expression{Constant: data}
		}
	}
	return r
}

// index returns the key of the instance as JSON, or that of the block around it that has one, or nil.
func (n *Instance) index() json.RawMessage {
	for ; n != nil; n = n.parent {
		if n.key != cty.NilVal {
			return module.JSON(n.key)
		}
	}
	return nil
}

// chainOfAddresses returns the addresses of the module instances around m, and of itself; none for the root.
func (m *ModuleInstance) chainOfAddresses() []string {
	var all []string
	for ; m != nil && m.call != nil; m = m.caller() {
		all = append(all, m.address)
	}
	slices.Reverse(all)
	return all
}

// static returns the address of the module without the keys of its instances.
func (m *ModuleInstance) static() string {
	if m.call == nil {
		return ""
	}
	if above := m.outside.in.static(); above != "" {
		return above + ".module." + m.call.Label
	}
	return "module." + m.call.Label
}

// checkKey names a block with conditions.
type checkKey struct{ module, kind, kindOfResource, name string }

func (k checkKey) compare(other checkKey) int {
	return slices.Compare([]string{k.module, k.kind, k.name}, []string{other.module, other.kind, other.name})
}

// conclude notes the result of a condition in the block that the key names, in the instance with the address. problem is the
// error message of a condition that does not hold.
func (e *Evaluator) conclude(key checkKey, address string, holds result, problem string) {
	if e.checked[key] == nil {
		e.checked[key] = map[string]*outline.CheckResult{}
	}
	r := e.checked[key][address]
	if r == nil {
		r = &outline.CheckResult{Address: address, Status: outline.Pass}
		e.checked[key][address] = r
	}
	switch {
	case holds == doesNot:
		r.Status = outline.Fail
		r.Problems = append(r.Problems, problem)
	case holds == unknown && r.Status == outline.Pass:
		r.Status = outline.Unknown
	}
}

// check notes the result of a condition in a block of the module.
func (m *ModuleInstance) check(kind, name string, holds result, problem string) {
	key := checkKey{module: m.static(), kind: kind, name: name}
	address := (&outline.Check{Kind: kind, Module: m.address, Name: name}).Address()
	m.Eval.conclude(key, address, holds, problem)
}

// check notes the result of a condition of the instance.
func (n *Instance) check(holds result, problem string) {
	key := checkKey{module: n.in.static(), kind: outline.KindResource, kindOfResource: outline.TypeOf(n.block.Kind), name: n.block.Chain()}
	n.in.Eval.conclude(key, string(n.Path), holds, problem)
}
