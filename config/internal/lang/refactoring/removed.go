package refactoring

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
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
func (m *reader) removed(b *hclsyntax.Block) (resource.Path, bool) {
	if !m.fits(b, removedSchema) {
		return "", false
	}
	expr := b.Body.Attributes["from"].Expr
	t, ok := m.addressOf(expr, m.in.Scope())
	if !ok || t == nil {
		return m.pathOf(expr, m.in.Scope(), ok)
	}
	r, ok := m.resolve(t, "", m.in.Scope())
	if !ok || r.rest == nil {
		return r.path, ok
	}
	if r.above != "" {
		if p, ok := m.former(r.above, r.rest); ok {
			return p, true
		}
	}
	step := &r.rest[0]
	m.diags.Errorf(t.at, "", "Invalid removal", "No %s is declared any more, so that it can't be told where it was. Write its path, such as from = %q.", step.text(), schema.ParentShape(step.kind, "")+"/"+step.label)
	return "", false
}

// destroys reports whether a block removed destroys its resource, which is the default.
func (m *reader) destroys(b *hclsyntax.Block) bool {
	for _, nested := range b.Body.Blocks {
		content, problems := nested.Body.Content(removedLifecycleSchema)
		source.Report(problems, m.diags)
		if attr := content.Attributes["destroy"]; attr != nil {
			return module.ConstantBool(attr, m.diags)
		}
	}
	return true
}
