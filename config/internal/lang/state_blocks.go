package lang

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

var movedSchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "from", Required: true}, {Name: "to", Required: true}}}

// blocks are the blocks moved, removed and import of a configuration, in the order of the source.
type blocks struct {
	moved   []Move
	removed []Removal
	imports []Import
}

// read adds the blocks of a module.
func (all *blocks) read(in *moduleInstance, diags *resource.Diagnostics) {
	(&reader{in, diags}).stateBlocks(all)
}

// reader reads the blocks moved, removed and import of one module.
type reader struct {
	in    *moduleInstance
	diags *resource.Diagnostics
}

func (m *reader) stateBlocks(all *blocks) {
	all.moved = append(all.moved, m.moved()...)
	for _, b := range m.in.module.StateBlocks {
		at := source.RangeOf(b.DefRange())
		switch b.Type {
		case "removed":
			if from, ok := m.removed(b); ok {
				all.removed = append(all.removed, Removal{From: from, Destroy: m.destroys(b), Declared: at})
			}
		case "import":
			m.imports(all, b)
		}
	}
}

func (m *reader) fits(b *hclsyntax.Block, schema *hcl.BodySchema) bool {
	_, problems := b.Body.Content(schema)
	source.Report(problems, m.diags)
	return !problems.HasErrors()
}

// validate refuses blocks that contradict the resources of the configuration or each other, whatever there is on the host.
func (all *blocks) validate(tree *resource.Tree, diags *resource.Diagnostics) {
	still := func(p resource.Path, summary, end string, at resource.Range) {
		if r := tree.Resource(p); r != nil {
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
	moves := indexOf(all.moved)
	cyclic := moves.reportCycles(all.moved, diags)
	for _, m := range all.moved {
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
	for _, r := range all.removed {
		still(r.From, "Invalid removal", "removed", r.Declared)
	}
	for _, i := range all.imports {
		once(imported, i.To, "Invalid import", "is imported", i.Declared)
		if tree.Resource(i.To) == nil {
			diags.Errorf(i.Declared, i.To, "Invalid import", "There is no container %s in the configuration. Declare it: kuke import prints what describes a container.", i.To)
		}
	}
}
