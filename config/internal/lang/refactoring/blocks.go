package refactoring

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/lang/eval"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// Blocks are the blocks moved, removed and import of a configuration, in the order of the source.
type Blocks struct {
	Moved   []Move
	Removed []Removal
	Imports []Import
}

// Read adds the blocks of a module.
func (all *Blocks) Read(in *eval.ModuleInstance, diags *resource.Diagnostics) {
	(&reader{in, diags}).stateBlocks(all)
}

// Validate refuses blocks that contradict the resources of the configuration or each other, whatever there is on the host.
func (all *Blocks) Validate(tree *resource.Tree, diags *resource.Diagnostics) {
	still := func(p resource.Path, summary, end string, at resource.Range) {
		if r := tree.Resource(p); r != nil {
			diags.Errorf(at, p, summary, "%s %s is still in the configuration, at %s, and can't have been %s. Remove one of the two.", p.Kind().Lower(), p, r.Declared, end)
		}
	}
	from, to, imported := map[resource.Path]resource.Range{}, map[resource.Path]resource.Range{}, map[resource.Path]resource.Range{}
	once := func(seen map[resource.Path]resource.Range, p resource.Path, summary, predicate string, at resource.Range) {
		if first, ok := seen[p]; ok {
			diags.Errorf(at, p, summary, "%s %s already, at %s. Keep one of them.", p, predicate, first)
			return
		}
		seen[p] = at
	}
	moves := indexOf(all.Moved)
	cyclic := moves.reportCycles(all.Moved, diags)
	for _, m := range all.Moved {
		if cyclic[m.From] {
			continue
		}
		if why := moves.immovable(m); why != "" {
			diags.Errorf(m.Declared, m.From, "Invalid move", "%s can't become %s: %s.", m.From, m.To, why)
			continue
		}
		still(m.From, "Invalid move", "moved", m.Declared)
		once(from, m.From, "Invalid move", "is moved", m.Declared)
		once(to, m.To, "Invalid move", "is the target of another move", m.Declared)
	}
	for _, r := range all.Removed {
		still(r.From, "Invalid removal", "removed", r.Declared)
	}
	for _, i := range all.Imports {
		once(imported, i.To, "Invalid import", "is imported", i.Declared)
		if tree.Resource(i.To) == nil {
			diags.Errorf(i.Declared, i.To, "Invalid import", "There is no container %s in the configuration. Declare it: kuke import prints the block of a container.", i.To)
		}
	}
}

// Move says that the resource at From is the one at To now.
type Move struct {
	From, To resource.Path
	Declared resource.Range
}

// Removal says that the resource at From, and those below it, are no longer part of the configuration.
type Removal struct {
	From resource.Path
	// Destroy says whether it is destroyed, or left running and forgotten.
	Destroy  bool
	Declared resource.Range
}

// Import says that a container that kuke did not make is the one at To.
type Import struct {
	To resource.Path
	// ID is its id in containerd.
	ID       string
	Declared resource.Range
}

var movedSchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "from", Required: true}, {Name: "to", Required: true}}}

// reader reads the blocks moved, removed and import of one module.
type reader struct {
	in    *eval.ModuleInstance
	diags *resource.Diagnostics
}

func (m *reader) stateBlocks(all *Blocks) {
	all.Moved = append(all.Moved, m.moved()...)
	for _, b := range m.in.Module.StateBlocks {
		at := source.RangeOf(b.DefRange())
		switch b.Type {
		case "removed":
			if from, ok := m.removed(b); ok {
				all.Removed = append(all.Removed, Removal{From: from, Destroy: m.destroys(b), Declared: at})
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
