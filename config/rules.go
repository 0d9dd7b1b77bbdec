package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/realm"
)

var checkSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "assert"}}}

// runChecks says, as warnings, which checks of the module don't hold.
func (m *moduleInstance) runChecks() {
	for _, b := range m.module.checks {
		content, problems := b.Body.Content(checkSchema)
		m.report(problems)
		if problems.HasErrors() {
			continue
		}
		if len(content.Blocks) == 0 {
			m.diags.Errorf(hclRange(b.DefRange()), "", "Missing assert", "The check %s checks nothing: give it a block assert.", b.Labels[0])
		}
		for _, nested := range content.Blocks {
			if r := newRule(nested, m.diags); r != nil {
				m.holds(r, m.scope(), realm.Warning, "Check does not hold: "+m.name("check."+b.Labels[0]), "")
			}
		}
	}
}

var (
	movedSchema   = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "from", Required: true}, {Name: "to", Required: true}}}
	removedSchema = &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "from", Required: true}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "lifecycle"}},
	}
	removedLifecycleSchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "destroy", Required: true}}}
	importSchema           = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "to", Required: true}, {Name: "id", Required: true}}}
)

// surgery reads the blocks moved, removed and import of the module.
func (m *moduleInstance) surgery(c *Configuration) {
	for _, b := range m.module.moves {
		at := hclRange(b.DefRange())
		switch b.Type {
		case "moved":
			from, to, ok := m.paths(b, movedSchema, "from", "to")
			if ok && from == to {
				m.diags.Errorf(at, from, "Invalid move", "%s can't be moved to itself.", from)
			} else if ok {
				c.Moved = append(c.Moved, Move{From: from, To: to, Declared: at})
			}
		case "removed":
			if from, _, ok := m.paths(b, removedSchema, "from", ""); ok {
				c.Removed = append(c.Removed, Removal{From: from, Destroy: m.destroys(b), Declared: at})
			}
		case "import":
			to, _, ok := m.paths(b, importSchema, "to", "")
			if !ok {
				continue
			}
			if to.Kind() != realm.KindContainer {
				m.diags.Errorf(at, to, "Invalid import", "%s is the path of a %s: only a container can be imported.", to, to.Kind().Lower())
				continue
			}
			if id, ok := m.settledText(b.Body.Attributes["id"].Expr, m.scope(), "the id of a container"); ok {
				c.Imports = append(c.Imports, Import{To: to, ID: id, Declared: at})
			}
		}
	}
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

// paths returns the paths that one or two arguments of b name: as a text, or as a reference to something declared.
func (m *moduleInstance) paths(b *hclsyntax.Block, schema *hcl.BodySchema, first, second string) (p, q realm.Path, ok bool) {
	_, problems := b.Body.Content(schema)
	m.report(problems)
	if problems.HasErrors() {
		return "", "", false
	}
	p, ok = m.pathOf(b.Body.Attributes[first].Expr)
	if ok && second != "" {
		q, ok = m.pathOf(b.Body.Attributes[second].Expr)
	}
	return p, q, ok
}

func (m *moduleInstance) pathOf(expr hclsyntax.Expression) (realm.Path, bool) {
	at := hclRange(expr.Range())
	if t, problems := hcl.AbsTraversalForExpr(expr); !problems.HasErrors() {
		if k, isKind := kindOf(t.RootName()); isKind {
			return m.referredPath(k, t)
		}
	}
	text, ok := m.settledText(expr, m.scope(), "a path")
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
