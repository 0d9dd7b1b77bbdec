package config

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/kukeon/kuke/config/realm"
)

var (
	movedSchema   = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "from", Required: true}, {Name: "to", Required: true}}}
	removedSchema = &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "from", Required: true}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "lifecycle"}},
	}
	removedLifecycleSchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "destroy", Required: true}}}
	importSchema           = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "to", Required: true}, {Name: "id", Required: true}, {Name: "for_each"}}}
)

// surgery reads the blocks moved, removed and import of the module.
func (m *moduleInstance) surgery(c *Configuration) {
	for _, b := range m.module.moves {
		at := hclRange(b.DefRange())
		switch b.Type {
		case "moved":
			if from, to, ok := m.moved(b); ok {
				c.Moved = append(c.Moved, Move{From: from, To: to, Declared: at})
			}
		case "removed":
			if from, ok := m.removed(b); ok {
				c.Removed = append(c.Removed, Removal{From: from, Destroy: m.destroys(b), Declared: at})
			}
		case "import":
			m.imports(c, b)
		}
	}
}

func (m *moduleInstance) fits(b *hclsyntax.Block, schema *hcl.BodySchema) bool {
	_, problems := b.Body.Content(schema)
	m.report(problems)
	return !problems.HasErrors()
}

// moved returns the paths that a block moved names.
func (m *moduleInstance) moved(b *hclsyntax.Block) (from, to realm.Path, ok bool) {
	if !m.fits(b, movedSchema) {
		return "", "", false
	}
	to, ok = m.pathOf(b.Body.Attributes["to"].Expr, m.scope())
	if !ok {
		return "", "", false
	}
	from, ok = m.formerPath(b.Body.Attributes["from"].Expr, to)
	if ok && from == to {
		m.diags.Errorf(hclRange(b.DefRange()), from, "Invalid move", "%s can't be moved to itself.", from)
		return "", "", false
	}
	return from, to, ok
}

// removed returns the path that a block removed names.
func (m *moduleInstance) removed(b *hclsyntax.Block) (realm.Path, bool) {
	if !m.fits(b, removedSchema) {
		return "", false
	}
	expr := b.Body.Attributes["from"].Expr
	if t, problems := hcl.AbsTraversalForExpr(expr); !problems.HasErrors() && len(t) > 1 {
		k, isKind := kindOf(t.RootName())
		if label, _ := attributeName(t[1]); isKind && realm.CheckName(label) == nil && !slices.Contains(m.labels(k), label) {
			m.diags.Errorf(hclRange(expr.Range()), "", "Invalid removal", "No %s %q is declared any more, so that it can't be told where it was. Write its path, such as from = %q.", k.Lower(), label, parentShape(k, "")+"/"+label)
			return "", false
		}
	}
	return m.pathOf(expr, m.scope())
}

// formerPath returns the path of what has become the resource at to. What is no longer declared was beside it: a container
// can be moved within its cell alone.
func (m *moduleInstance) formerPath(expr hclsyntax.Expression, to realm.Path) (realm.Path, bool) {
	t, problems := hcl.AbsTraversalForExpr(expr)
	if problems.HasErrors() || t.RootName() != realm.KindContainer.Lower() || to.Kind() != realm.KindContainer || len(t) < 2 {
		return m.pathOf(expr, m.scope())
	}
	label, _ := attributeName(t[1])
	attribute, key := referredAttribute(t[2:])
	if realm.CheckName(label) != nil || attribute != "" || m.declares(label, key) {
		return m.pathOf(expr, m.scope())
	}
	if key != cty.NilVal {
		text, err := convert.Convert(key, cty.String)
		if err != nil || text.IsNull() || realm.CheckName(label+"-"+text.AsString()) != nil {
			return m.pathOf(expr, m.scope())
		}
		label += "-" + text.AsString()
	}
	return to.Parent().Join(label), true
}

// declares reports whether the module says what a reference to the container label with the key means, cty.NilVal for none.
func (m *moduleInstance) declares(label string, key cty.Value) bool {
	if m.manifest(realm.KindContainer, label) != nil {
		return true
	}
	return slices.ContainsFunc(m.find(realm.KindContainer, label, nil), func(b *block) bool {
		x, ok := m.expand(b, hclRange(b.hcl.DefRange()))
		if !ok || b.hcl.Body.Attributes["name"] != nil {
			return true // another key would have another name, which can't be told
		}
		return slices.ContainsFunc(x.groups, func(g *group) bool {
			if g.keys == nil || key == cty.NilVal {
				return g.keys == nil && key == cty.NilVal
			}
			return len(g.find([]cty.Value{key})) > 0
		})
	})
}

// destroys reports whether a block removed wants what it names destroyed, which is what happens without it saying so.
func (m *moduleInstance) destroys(b *hclsyntax.Block) bool {
	for _, nested := range b.Body.Blocks {
		content, problems := nested.Body.Content(removedLifecycleSchema)
		m.report(problems)
		if attr := content.Attributes["destroy"]; attr != nil {
			return (&collector{diags: m.diags}).constantBool(attr)
		}
	}
	return true
}

// imports reads a block import, for each of what its for_each goes over.
func (m *moduleInstance) imports(c *Configuration, b *hclsyntax.Block) {
	if !m.fits(b, importSchema) {
		return
	}
	each, ok := m.repeat(b.Body, m.scope())
	if !ok {
		return
	}
	at := hclRange(b.DefRange())
	for _, s := range each.scopes {
		to, ok := m.pathOf(b.Body.Attributes["to"].Expr, s)
		if !ok {
			continue
		}
		if to.Kind() != realm.KindContainer {
			m.diags.Errorf(at, to, "Invalid import", "%s is the path of a %s: only a container can be imported.", to, to.Kind().Lower())
			continue
		}
		id, ok := m.settledText(b.Body.Attributes["id"].Expr, s, "the id of a container")
		if ok && id == "" {
			m.diags.Errorf(hclRange(b.Body.Attributes["id"].Expr.Range()), to, "Invalid import", "The id of the container is empty. Write the one that ctr or nerdctl shows.")
			continue
		}
		if ok {
			c.Imports = append(c.Imports, Import{To: to, ID: id, Declared: at})
		}
	}
}

// pathOf returns the path that expr names: as a text, or as a reference to something declared.
func (m *moduleInstance) pathOf(expr hclsyntax.Expression, s *scope) (realm.Path, bool) {
	at := hclRange(expr.Range())
	if t, problems := hcl.AbsTraversalForExpr(expr); !problems.HasErrors() {
		if k, isKind := kindOf(t.RootName()); isKind {
			return m.referredPath(k, t)
		}
	}
	if _, keyed := expr.(*hclsyntax.IndexExpr); keyed {
		if val, ok := m.evaluate(expr, s); !ok {
			return "", false
		} else if val, _ = val.Unmark(); val.Type().IsObjectType() && val.Type().HasAttribute("path") && val.IsKnown() && !val.IsNull() {
			return realm.Path(val.GetAttr("path").AsString()), true
		}
	}
	text, ok := m.settledText(expr, s, "a path")
	if !ok {
		return "", false
	}
	p, err := realm.ParsePath(string(m.within(text)))
	if err != nil {
		m.diags.Errorf(at, "", "Invalid path", "%s.", sentence(err.Error()))
		return "", false
	}
	return p, true
}

// referredPath returns the path of the one resource that t refers to.
func (m *moduleInstance) referredPath(k realm.Kind, t hcl.Traversal) (realm.Path, bool) {
	var wanted resourceReferences
	if !wanted.add(m.evaluator, k, t, nil) {
		return "", false
	}
	val, ok := wanted[0].value(m.evaluator, m.scope())
	if !ok {
		return "", false
	}
	for _, step := range t[2:] {
		index, isIndex := step.(hcl.TraverseIndex)
		if !isIndex {
			break
		}
		element, problems := hcl.Index(val, index.Key, index.SourceRange().Ptr())
		m.report(problems)
		if problems.HasErrors() {
			return "", false
		}
		val = element
	}
	if !val.Type().IsObjectType() || !val.Type().HasAttribute("path") {
		m.diags.Errorf(hclRange(t.SourceRange()), "", "Invalid reference", "This stands for several resources: name one of them by its key.")
		return "", false
	}
	return realm.Path(val.GetAttr("path").AsString()), true
}

// checkSurgery refuses what the blocks moved, removed and import can't mean, whatever there is on the host.
func (c *Configuration) checkSurgery(diags *realm.Diagnostics) {
	still := func(p realm.Path, summary, end string, at realm.Range) {
		if r := c.Tree.Resource(p); r != nil {
			diags.Errorf(at, p, summary, "%s %s is still in the configuration, at %s, and can't have been %s. Take one of the two away.", p.Kind().Lower(), p, r.Declared, end)
		}
	}
	from, to, imported := map[realm.Path]realm.Range{}, map[realm.Path]realm.Range{}, map[realm.Path]realm.Range{}
	once := func(seen map[realm.Path]realm.Range, p realm.Path, summary, what string, at realm.Range) {
		if first, ok := seen[p]; ok {
			diags.Errorf(at, p, summary, "%s %s already, at %s. Keep one of them.", p, what, first)
			return
		}
		seen[p] = at
	}
	for _, m := range c.Moved {
		if m.From.Kind() != realm.KindContainer || m.From.Parent() != m.To.Parent() {
			diags.Errorf(m.Declared, m.From, "Invalid move", "%s can't become %s: only a container can be moved, to another name in its cell.", m.From, m.To)
			continue
		}
		still(m.From, "Invalid move", "moved", m.Declared)
		once(from, m.From, "Invalid move", "is moved", m.Declared)
		once(to, m.To, "Invalid move", "is what something else is moved to", m.Declared)
	}
	for _, r := range c.Removed {
		still(r.From, "Invalid removal", "removed", r.Declared)
	}
	for _, i := range c.Imports {
		once(imported, i.To, "Invalid import", "is imported", i.Declared)
		if c.Tree.Resource(i.To) == nil {
			diags.Errorf(i.Declared, i.To, "Invalid import", "There is no container %s in the configuration. Declare it: kuke import prints what describes a container.", i.To)
		}
	}
}
