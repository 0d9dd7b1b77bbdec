package module

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/outline"
)

// Module holds the blocks and manifests of the files of a directory, or of the files that the user named. None is evaluated.
type Module struct {
	// Dir is the directory that relative names of files begin in, an absolute path.
	Dir       string
	Variables map[string]*Variable
	Locals    map[string]*hclsyntax.Attribute
	Outputs   map[string]*Output
	Calls     map[string]*Call
	// Blocks are the resources of HCL files at the top level, Manifests those of YAML files, both in the order of the
	// source.
	Blocks    []*Block
	Manifests []*schema.Declaration
	// CallOrder and Checks are in the order of the source too.
	CallOrder []*Call
	Checks    []*hclsyntax.Block
	// StateBlocks are the blocks moved, removed and import, which change the resources that the state records.
	StateBlocks []*hclsyntax.Block
	// Settings are those of the kuke block, nil where there is none.
	Settings *Settings
	// Outline is the module as it is written, once it was read.
	Outline *outline.Module
	// Broken says that a file of it could not be parsed, so that declarations are missing.
	Broken bool
}

// New returns an empty module.
func New(dir string) *Module {
	return &Module{
		Dir: dir, Variables: map[string]*Variable{}, Locals: map[string]*hclsyntax.Attribute{},
		Outputs: map[string]*Output{}, Calls: map[string]*Call{}, Outline: &outline.Module{},
	}
}

// Block is a resource as it is written in HCL. It has as many instances as its for_each or count says, in each instance of
// its parent.
type Block struct {
	Kind   resource.Kind
	Label  string
	Syntax *hclsyntax.Block
	Parent *Block
	Nested []*Block
}

// Address returns the name by which references name the block.
func (b *Block) Address() string { return b.Kind.Lower() + "." + b.Label }

// Call is a module block.
type Call struct {
	Label  string
	Syntax *hclsyntax.Block
}

// Read adds files to the module, and their text to sources.
func (m *Module) Read(found []source.File, sources *source.Files, diags *resource.Diagnostics) {
	for _, s := range found {
		data, ok := source.Normalize(s, diags)
		sources.Add(s.Name, data)
		if !ok {
			continue
		}
		blocks, settings, before := m.size(), m.Settings, len(*diags)
		source.Guard(s.Name, diags, func() {
			if source.IsYAML(s.Name, data) {
				m.Manifests = append(m.Manifests, schema.ReadManifests(s.Name, data, diags)...)
				return
			}
			(&collector{module: m, diags: diags}).file(s.Name, data)
		})
		if m.size() == blocks && m.Settings == settings && s.Named && len(*diags) == before {
			diags.Errorf(resource.Range{File: s.Name}, "", "Empty configuration", "The file declares no resource. Write one, such as realm \"main\" {}, or don't name the file; to destroy everything, use kuke destroy.")
		}
	}
	source.Guard(m.Dir, diags, func() { m.Outline = outlineOf(m) })
}

// size counts the declarations, to tell whether a file adds one.
func (m *Module) size() int {
	return len(m.Variables) + len(m.Locals) + len(m.Outputs) + len(m.Calls) + len(m.Blocks) + len(m.Manifests) + len(m.Checks) + len(m.StateBlocks)
}

// Empty reports whether nothing is declared.
func (m *Module) Empty() bool { return m.size() == 0 }

// Directory returns the directory of a module that the one in dir calls by source, or says why there is none.
func Directory(dir, source string) (string, error) {
	local := slices.ContainsFunc([]string{"./", "../"}, func(prefix string) bool { return strings.HasPrefix(source, prefix) }) || source == "." || source == ".."
	if !local {
		return "", fmt.Errorf("a module is a folder beside this one: write a path that begins with ./ or ../, not %q", message.Shorten(source))
	}
	return filepath.Join(dir, source), nil
}

// Walk calls each with every block of the module.
func (m *Module) Walk(each func(*Block)) {
	var visit func([]*Block)
	visit = func(blocks []*Block) {
		for _, b := range blocks {
			each(b)
			visit(b.Nested)
		}
	}
	visit(m.Blocks)
}
