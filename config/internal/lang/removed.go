package lang

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/resource"
)

var (
	removedSchema = &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "from", Required: true}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "lifecycle"}},
	}
	removedLifecycleSchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "destroy", Required: true}}}
)

// removed returns the path that a block removed names.
func (m *moduleInstance) removed(b *hclsyntax.Block) (resource.Path, bool) {
	if !m.fits(b, removedSchema) {
		return "", false
	}
	expr := b.Body.Attributes["from"].Expr
	t, ok := m.addressOf(expr, m.scope())
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
