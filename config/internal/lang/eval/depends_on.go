package eval

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// awaitCallers makes the value being evaluated wait for the depends_on of the module's call, and of the calls around it.
func (m *ModuleInstance) awaitCallers() bool {
	for ; m.call != nil; m = m.outside.in {
		attr := m.call.Syntax.Body.Attributes["depends_on"]
		if attr == nil {
			continue
		}
		outside, at := m.outside.in, source.RangeOf(attr.NameRange)
		_, ok := m.Eval.once(&m.awaited, m.address, at, func() (cty.Value, bool) { return cty.True, !outside.awaitsItself(m.call, attr) && outside.await(attr) })
		if !ok || !m.Eval.spend(len(m.awaited.used), at) {
			return false
		}
	}
	return true
}

// await makes the value being evaluated wait for the resources and modules that a depends_on of the module names.
func (m *ModuleInstance) await(attr *hclsyntax.Attribute) bool {
	list, problems := hcl.ExprList(attr.Expr)
	m.Eval.report(problems)
	ok := !problems.HasErrors()
	for _, item := range list {
		ok = m.awaitOne(item) && ok
	}
	return ok
}

// awaitsItself reports whether the depends_on of a call names that call, and complains about it.
func (m *ModuleInstance) awaitsItself(c *module.Call, attr *hclsyntax.Attribute) bool {
	for _, t := range attr.Expr.Variables() {
		if label, ok := source.StepName(t[min(1, len(t)-1)]); ok && t.RootName() == "module" && label == c.Label {
			m.Eval.diags.Errorf(source.RangeOf(t.SourceRange()), "", "Cycle", "The module %s can't depend on itself. Remove this reference.", label)
			return true
		}
	}
	return false
}

func (m *ModuleInstance) awaitOne(item hcl.Expression) bool {
	at := source.RangeOf(item.Range())
	t, problems := hcl.AbsTraversalForExpr(item)
	if !problems.HasErrors() {
		if k, isKind := schema.KindOf(t.RootName()); isKind {
			return m.awaitResource(k, t, at)
		}
		if t.RootName() == "module" && len(t) > 1 {
			return m.awaitModule(t, at)
		}
	}
	m.Eval.diags.Errorf(at, "", "Invalid reference", "depends_on is a list of resources and modules, such as container.db or module.site.")
	return false
}

// wholly reports whether t ends, with or without a key, or reports the rest of it as an error.
func (m *ModuleInstance) wholly(t hcl.Traversal, at resource.Range) bool {
	attribute, _ := referredAttribute(t[2:])
	if attribute != "" || len(t) > 3 {
		m.Eval.diags.Errorf(at, "", "Invalid reference", "depends_on names whole resources and modules. Leave out the rest of the reference.")
		return false
	}
	return true
}

func (m *ModuleInstance) awaitResource(k resource.Kind, t hcl.Traversal, at resource.Range) bool {
	var wanted resourceReferences
	if len(t) > 1 && !m.wholly(t, at) || !wanted.add(m.Eval, k, t, nil) {
		return false
	}
	r := wanted[0]
	r.attributes, r.all, r.mentioned = []string{"path"}, false, true
	ok := false
	used := m.Eval.watch("depends_on", func() { _, ok = r.value(m.Eval, m.Scope()) })
	m.Eval.use(used)
	for _, b := range m.Find(k, r.label, nil) {
		ok = ok && m.awaitBlocks(b.Nested, used)
	}
	return ok
}

// awaitBlocks makes the value being evaluated wait for the instances of the blocks in the resources at the paths, nil for
// all, and for the resources in these instances.
func (m *ModuleInstance) awaitBlocks(blocks []*module.Block, paths references) bool {
	for _, b := range blocks {
		x, ok := m.Expand(b, source.RangeOf(b.Syntax.DefRange()))
		if !ok {
			return false
		}
		inner := references{}
		for _, n := range x.instances() {
			if paths == nil || paths[n.parent.Path] {
				inner[n.Path] = true
			}
		}
		m.Eval.use(inner)
		if !m.awaitBlocks(b.Nested, inner) {
			return false
		}
	}
	return true
}

func (m *ModuleInstance) awaitModule(t hcl.Traversal, at resource.Range) bool {
	label, _ := source.StepName(t[1])
	if !m.wholly(t, at) {
		return false
	}
	c := m.Module.Calls[label]
	if c == nil {
		_, ok := m.output(label, at) // which says so
		return ok
	}
	x, ok := m.expandCall(c, at)
	if !ok {
		return false
	}
	wanted := x.instances
	if _, key := referredAttribute(t[2:]); key != cty.NilVal {
		found := x.each.find([]cty.Value{key})
		if len(found) == 0 {
			m.Eval.diags.Errorf(at, "", "Invalid reference", "The module %s is not there with this key.", label)
			return false
		}
		wanted = wanted[found[0] : found[0]+1]
	}
	for _, inner := range wanted {
		ok = inner.awaitAll() && ok
	}
	return ok
}

// awaitAll makes the value being evaluated wait for all resources of the module.
func (m *ModuleInstance) awaitAll() bool {
	for _, d := range m.Module.Manifests {
		m.Eval.use(references{d.Path: true})
	}
	if !m.awaitBlocks(m.Module.Blocks, nil) {
		return false
	}
	for _, c := range m.Module.CallOrder {
		x, ok := m.expandCall(c, source.RangeOf(c.Syntax.DefRange()))
		if !ok {
			return false
		}
		for _, inner := range x.instances {
			if !inner.awaitAll() {
				return false
			}
		}
	}
	return true
}

// byPath returns expr, a value of depends_on or the volume of a mount, with the path in place of each reference to a whole
// container, cell or volume: depends_on = [container.db] becomes [container.db.path]. The same expression gives the same result.
func (e *Evaluator) byPath(expr hclsyntax.Expression) hclsyntax.Expression {
	if made := e.paths[expr]; made != nil {
		return made
	}
	made := expr
	switch x := expr.(type) {
	case *hclsyntax.TupleConsExpr:
		list := *x
		list.Exprs = nil
		for _, item := range x.Exprs {
			list.Exprs = append(list.Exprs, e.byPath(item))
		}
		made = &list
	case *hclsyntax.ObjectConsExpr:
		object := *x
		object.Items = slices.Clone(x.Items)
		for i, item := range object.Items {
			object.Items[i].ValueExpr = e.byPath(item.ValueExpr)
		}
		made = &object
	case *hclsyntax.ScopeTraversalExpr:
		kind, ok := schema.KindOf(x.Traversal.RootName())
		if !ok || !slices.Contains([]resource.Kind{resource.KindContainer, resource.KindCell, resource.KindVolume}, kind) {
			break
		}
		// The label, and with for_each or count a key.
		const label, key = 2, 3
		if _, isIndex := x.Traversal[len(x.Traversal)-1].(hcl.TraverseIndex); len(x.Traversal) != label && (len(x.Traversal) != key || !isIndex) {
			break
		}
		made = &hclsyntax.ScopeTraversalExpr{Traversal: append(slices.Clone(x.Traversal), hcl.TraverseAttr{Name: "path", SrcRange: x.SrcRange}), SrcRange: x.SrcRange}
	}
	e.paths[expr] = made
	return made
}

// nameByPath is byPath for the content of a depends_on block.
func (e *Evaluator) nameByPath(content *hclsyntax.Body) *hclsyntax.Body {
	name := content.Attributes["name"]
	if name == nil {
		return content
	}
	body, attr := *content, *name
	attr.Expr = e.byPath(name.Expr)
	body.Attributes = make(hclsyntax.Attributes, len(content.Attributes))
	for key, a := range content.Attributes {
		body.Attributes[key] = a
	}
	body.Attributes["name"] = &attr
	return &body
}
