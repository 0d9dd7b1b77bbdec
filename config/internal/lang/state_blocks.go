package lang

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

var movedSchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "from", Required: true}, {Name: "to", Required: true}}}

// stateBlocks reads the blocks moved, removed and import of the module.
func (m *moduleInstance) stateBlocks(c *Configuration) {
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

// validateStateBlocks refuses what the blocks moved, removed and import can't mean, whatever there is on the host.
func (c *Configuration) validateStateBlocks(diags *resource.Diagnostics) {
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
	cyclic := moves.reportCycles(c.Moved, diags)
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
