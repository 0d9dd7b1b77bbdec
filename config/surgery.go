package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

var movedSchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "from", Required: true}, {Name: "to", Required: true}}}

var (
	removedSchema = &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "from", Required: true}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "lifecycle"}},
	}
	removedLifecycleSchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "destroy", Required: true}}}
)

var importSchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "to", Required: true}, {Name: "id", Required: true}, {Name: "for_each"}}}

// surgery reads the blocks moved, removed and import of the module.
func (m *moduleInstance) surgery(c *Configuration) {
	c.Moved = append(c.Moved, m.moved()...)
	for _, b := range m.module.StateBlocks {
		at := source.RangeOf(b.DefRange())
		switch b.Type {
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
	m.eval.report(problems)
	return !problems.HasErrors()
}

// removed returns the path that a block removed names.
func (m *moduleInstance) removed(b *hclsyntax.Block) (resource.Path, bool) {
	if !m.fits(b, removedSchema) {
		return "", false
	}
	expr := b.Body.Attributes["from"].Expr
	t, ok := m.targetOf(expr, m.scope())
	if !ok || t == nil {
		return m.pathOf(expr, m.scope(), ok)
	}
	r, ok := m.resolve(t, "", m.scope())
	if !ok || r.rest == nil {
		return r.path, ok
	}
	if r.above != "" {
		if p, ok := m.former(r.above, r.rest); ok {
			return p, true
		}
	}
	step := &r.rest[0]
	m.eval.diags.Errorf(t.at, "", "Invalid removal", "No %s is declared any more, so that it can't be told where it was. Write its path, such as from = %q.", step.text(), parentShape(step.kind, "")+"/"+step.label)
	return "", false
}

// destroys reports whether a block removed wants what it names destroyed, which is what happens without it saying so.
func (m *moduleInstance) destroys(b *hclsyntax.Block) bool {
	for _, nested := range b.Body.Blocks {
		content, problems := nested.Body.Content(removedLifecycleSchema)
		m.eval.report(problems)
		if attr := content.Attributes["destroy"]; attr != nil {
			return module.ConstantBool(attr, m.eval.diags)
		}
	}
	return true
}

// imports reads a block import, for each of what its for_each goes over.
func (m *moduleInstance) imports(c *Configuration, b *hclsyntax.Block) {
	if !m.fits(b, importSchema) {
		return
	}
	each, ok := m.eval.repeat(b.Body, m.scope())
	if !ok {
		return
	}
	at := source.RangeOf(b.DefRange())
	for _, s := range each.scopes {
		to, ok := m.declaredPath(b.Body.Attributes["to"].Expr, s)
		if !ok {
			continue
		}
		if to.Kind() != resource.KindContainer {
			m.eval.diags.Errorf(at, to, "Invalid import", "%s is the path of a %s: only a container can be imported.", to, to.Kind().Lower())
			continue
		}
		id, ok := m.eval.settledText(b.Body.Attributes["id"].Expr, s, "the id of a container")
		if ok && id == "" {
			m.eval.diags.Errorf(source.RangeOf(b.Body.Attributes["id"].Expr.Range()), to, "Invalid import", "The id of the container is empty. Write the one that ctr or nerdctl shows.")
			continue
		}
		if ok {
			c.Imports = append(c.Imports, Import{To: to, ID: id, Declared: at})
		}
	}
}

// declaredPath returns the path of the resource that expr names: as a text, or as a reference to something declared.
func (m *moduleInstance) declaredPath(expr hclsyntax.Expression, s *scope) (resource.Path, bool) {
	t, ok := m.targetOf(expr, s)
	if !ok || t == nil {
		return m.pathOf(expr, s, ok)
	}
	r, ok := m.resolve(t, "", s)
	if ok && r.rest != nil {
		m.notDeclared(t, r)
		return "", false
	}
	return r.path, ok
}

// pathOf returns the path that expr is the text of; not where ok says that what is wrong has been reported.
func (m *moduleInstance) pathOf(expr hclsyntax.Expression, s *scope, ok bool) (resource.Path, bool) {
	if !ok {
		return "", false
	}
	at := source.RangeOf(expr.Range())
	if t, problems := hcl.AbsTraversalForExpr(expr); !problems.HasErrors() {
		if k, isKind := schema.KindOf(t.RootName()); isKind {
			m.eval.diags.Errorf(at, "", "Invalid reference", "This is no address of a %s. Write it as in %s.web, %s.web[\"key\"] or %s[\"path\"].", k.Lower(), k.Lower(), k.Lower(), k.Lower())
			return "", false
		}
	}
	text, ok := m.eval.settledText(expr, s, "a path")
	if !ok {
		return "", false
	}
	p, err := resource.ParsePath(string(m.within(text)))
	if err != nil {
		m.eval.diags.Errorf(at, "", "Invalid path", "%s.", message.Sentence(err.Error()))
		return "", false
	}
	return p, true
}

// checkSurgery refuses what the blocks moved, removed and import can't mean, whatever there is on the host.
func (c *Configuration) checkSurgery(diags *resource.Diagnostics) {
	still := func(p resource.Path, summary, end string, at resource.Range) {
		if r := c.Tree.Resource(p); r != nil {
			diags.Errorf(at, p, summary, "%s %s is still in the configuration, at %s, and can't have been %s. Take one of the two away.", p.Kind().Lower(), p, r.Declared, end)
		}
	}
	from, to, imported := map[resource.Path]resource.Range{}, map[resource.Path]resource.Range{}, map[resource.Path]resource.Range{}
	once := func(seen map[resource.Path]resource.Range, p resource.Path, summary, what string, at resource.Range) {
		if first, ok := seen[p]; ok {
			diags.Errorf(at, p, summary, "%s %s already, at %s. Keep one of them.", p, what, first)
			return
		}
		seen[p] = at
	}
	moves := indexOf(c.Moved)
	cyclic := moves.checkCycles(c.Moved, diags)
	for _, m := range c.Moved {
		if cyclic[m.From] {
			continue
		}
		if why := moves.immovable(m); why != "" {
			diags.Errorf(m.Declared, m.From, "Invalid move", "%s can't become %s: %s.", m.From, m.To, why)
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
