package eval

import (
	"reflect"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/resource"
)

// computed are the attributes of each kind that planning computes.
var computed = map[resource.Kind][]string{
	resource.KindSpace: {"subnet", "gateway", "subnet6", "gateway6", "bridge"},
	resource.KindCell:  {"address", "address6"},
}

// derived are the attributes of each kind that follow from its path and its spec.
var derived = map[resource.Kind][]string{resource.KindRealm: {"namespace"}, resource.KindContainer: {"id"}}

// everyKind are the attributes that resources of all kinds have besides those that a configuration sets.
var everyKind = []string{"path", "name"}

// attributeNames returns the names that follow a reference to a resource of kind k.
func attributeNames(k resource.Kind) []string {
	names := slices.Concat(everyKind, computed[k], derived[k])
	for _, a := range k.Attributes() {
		if !slices.Contains(names, a.HCLName) {
			names = append(names, a.HCLName)
		}
	}
	return names
}

// object returns n as expressions see it, with the attributes that r asks for.
func (n *Instance) object(r *resourceReference) (cty.Value, bool) {
	if n.Path == "" {
		return cty.DynamicVal, false
	}
	// An attribute that follows from the path alone is the same whether the resource exists or not: it is no reason to wait.
	static := func(name string) bool { return name == "id" || slices.Contains(everyKind, name) }
	early := func(name string) bool { return static(name) || slices.Contains(computed[r.kind], name) }
	if !r.all && !slices.ContainsFunc(r.attributes, func(name string) bool { return !early(name) }) {
		if r.mentioned || slices.ContainsFunc(r.attributes, func(name string) bool { return !static(name) }) {
			n.in.Eval.use(references{n.Path: true})
		}
		if n.known == cty.NilVal {
			n.known = n.in.Eval.attributes(n.Path, r.kind, nil, nil)
		}
		return n.known, true
	}
	d, ok := n.declare(r.at)
	if !ok || d == nil {
		return cty.DynamicVal, false
	}
	return n.in.Eval.object(d, r)
}

// object returns a declared resource as expressions see it.
func (e *Evaluator) object(d *schema.Declaration, r *resourceReference) (cty.Value, bool) {
	if d.Path == "" {
		return cty.DynamicVal, false
	}
	decoded := d.Decode(e.diags)
	e.use(references{d.Path: true})
	object, known := e.objects[d]
	if !known {
		object = e.attributes(d.Path, d.Kind, decoded, d)
		e.objects[d] = object
	}
	return object, true
}

// attributes returns the attributes of the resource at p: all of them, or those known without its spec where r is nil.
func (e *Evaluator) attributes(p resource.Path, k resource.Kind, r *resource.Resource, d *schema.Declaration) cty.Value {
	all := map[string]cty.Value{"path": cty.StringVal(string(p)), "name": cty.StringVal(p.Name())}
	if r != nil {
		for _, a := range k.Attributes() {
			val := ctyOf(a, a.Field(reflect.ValueOf(r.Spec)))
			if d.Unsettled && a.Name == "root" {
				val = e.settledRoot(p, val)
			}
			if written := d.Written(a); written != nil {
				if written.HoldsUnknown() {
					val = cty.UnknownVal(val.Type())
				}
				val = mark(val, written.HoldsSensitive())
			}
			if a.Name == "env" {
				val = mark(val, holdsEnvFile(r))
			}
			all[a.HCLName] = val
		}
	}
	for _, name := range computed[k] {
		if text, ok := e.options.Computed[p][name]; ok {
			all[name] = cty.StringVal(text)
			continue
		}
		all[name] = cty.UnknownVal(cty.String).RefineNotNull()
	}
	switch k {
	case resource.KindRealm:
		if r != nil {
			all["namespace"] = cty.StringVal(resource.NamespaceOf(p, r.Spec.(*resource.Realm)))
		}
	case resource.KindContainer:
		all["id"] = cty.StringVal(resource.ContainerID(p))
	}
	return cty.ObjectVal(all)
}

// settledRoot returns whether the container at p is the root of its cell, which is implied where nothing is planned for it.
func (e *Evaluator) settledRoot(p resource.Path, implied cty.Value) cty.Value {
	root, planned := e.options.Computed[p]["root"]
	switch {
	case planned:
		return cty.BoolVal(root == "true")
	case e.options.Computed == nil:
		return cty.UnknownVal(cty.Bool).RefineNotNull()
	}
	return implied
}
