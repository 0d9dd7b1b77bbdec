package refactoring

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

var importSchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "to", Required: true}, {Name: "id", Required: true}, {Name: "for_each"}}}

// imports reads a block import, for each element of its for_each.
func (m *reader) imports(all *Blocks, b *hclsyntax.Block) {
	if !m.fits(b, importSchema) {
		return
	}
	each, ok := m.in.Eval.Repeat(b.Body, m.in.Scope())
	if !ok {
		return
	}
	at := source.RangeOf(b.DefRange())
	for _, s := range each.Scopes {
		to, ok := m.declaredPath(b.Body.Attributes["to"].Expr, s)
		if !ok {
			continue
		}
		if to.Kind() != resource.KindContainer {
			m.diags.Errorf(at, to, "Invalid import", "%s is the path of a %s: only a container can be imported.", to, to.Kind().Lower())
			continue
		}
		id, ok := m.in.Eval.SettledText(b.Body.Attributes["id"].Expr, s, "the id of a container")
		if ok && id == "" {
			m.diags.Errorf(source.RangeOf(b.Body.Attributes["id"].Expr.Range()), to, "Invalid import", "The id of the container is empty. Write the one that ctr or nerdctl shows.")
			continue
		}
		if ok {
			all.Imports = append(all.Imports, Import{To: to, ID: id, Declared: at})
		}
	}
}
