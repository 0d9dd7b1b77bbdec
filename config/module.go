package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// module is what the files of a directory, or those that the user named, say together: nothing of it is worked out yet.
type module struct {
	// dir is where relative names of files begin, an absolute path.
	dir       string
	variables map[string]*variable
	locals    map[string]*hclsyntax.Attribute
	outputs   map[string]*outputBlock
	calls     map[string]*call
	// blocks are the resources of HCL files at the top level, manifests those of YAML files, both in the order of the
	// source.
	blocks    []*block
	manifests []*schema.Declaration
	// callOrder, checks and moves are in the order of the source too.
	callOrder []*call
	checks    []*hclsyntax.Block
	moves     []*hclsyntax.Block
	// settings are those of the kuke block, nil where there is none.
	settings *settings
	// broken says that a file of it could not be read: what is declared there is missing.
	broken bool
}

func newModule(dir string) *module {
	return &module{
		dir: dir, variables: map[string]*variable{}, locals: map[string]*hclsyntax.Attribute{},
		outputs: map[string]*outputBlock{}, calls: map[string]*call{},
	}
}

// block is a resource as it is written in HCL: it stands for as many resources as its for_each or count says, in each of
// those that its parent stands for.
type block struct {
	kind   resource.Kind
	label  string
	hcl    *hclsyntax.Block
	parent *block
	nested []*block
}

// address is what references call the block.
func (b *block) address() string { return b.kind.Lower() + "." + b.label }

// call is a block that puts a module in place.
type call struct {
	label string
	hcl   *hclsyntax.Block
}

// outputBlock is a value that a module gives out.
type outputBlock struct {
	name        string
	description string
	value       *hclsyntax.Attribute
	// after is what it depends on besides its value, or nil.
	after     *hclsyntax.Attribute
	sensitive bool
	rules     []*rule
	declared  resource.Range
}

// read adds files to the module, and their text to sources.
func (m *module) read(found []source.File, sources *source.Files, diags *resource.Diagnostics) {
	for _, s := range found {
		data, ok := source.Normalize(s, diags)
		sources.Add(s.Name, data)
		if !ok {
			continue
		}
		blocks, settings, before := m.size(), m.settings, len(*diags)
		source.Guard(s.Name, diags, func() {
			if source.IsYAML(s.Name, data) {
				m.manifests = append(m.manifests, schema.ReadManifests(s.Name, data, diags)...)
				return
			}
			(&collector{module: m, diags: diags}).file(s.Name, data)
		})
		if m.size() == blocks && m.settings == settings && s.Named && len(*diags) == before {
			diags.Errorf(resource.Range{File: s.Name}, "", "Empty configuration", "The file declares no resource. Write one, such as realm \"main\" {}, or don't name the file; to take everything away, use kuke destroy.")
		}
	}
}

// size counts what is declared, to tell whether something is.
func (m *module) size() int {
	return len(m.variables) + len(m.locals) + len(m.outputs) + len(m.calls) + len(m.blocks) + len(m.manifests) + len(m.checks) + len(m.moves)
}

func (m *module) empty() bool { return m.size() == 0 }

// collector sorts what the files of a module say.
type collector struct {
	module *module
	diags  *resource.Diagnostics
}

// blockWords are those that a block at the top level can begin with.
func blockWords() []string {
	return append(schema.KindWords(), "variable", "locals", "output", "module", "moved", "removed", "import", "check", schema.SettingsBlock)
}

// file adds an HCL file.
func (c *collector) file(name string, data []byte) {
	if !source.Bounded(name, data, c.diags) {
		return
	}
	file, problems := hclsyntax.ParseConfig(data, name, hcl.InitialPos)
	if problems.HasErrors() && source.LooksLikeYAML(data) {
		c.diags.Errorf(resource.Range{File: name}, "", "Not HCL", "The file is read as HCL, but looks like YAML. If it is, let its name end in .yaml.")
		return
	}
	source.Report(source.FirstOfEach(problems), c.diags)
	if problems.HasErrors() {
		c.module.broken = true
		return
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		panic(fmt.Sprintf("hclsyntax made a body of type %T", file.Body))
	}
	for _, attr := range source.SortedAttributes(body) {
		c.diags.Errorf(source.RangeOf(attr.NameRange), "", "Unsupported argument", "No argument stands at the top level, but %q does. Write it in the block it is for.", message.Shorten(attr.Name))
	}
	for _, block := range body.Blocks {
		c.block(block)
	}
}

// block adds a block of the top level.
func (c *collector) block(b *hclsyntax.Block) {
	if k, ok := schema.KindOf(b.Type); ok {
		if added := c.resource(b, k, nil); added != nil {
			c.module.blocks = append(c.module.blocks, added)
		}
		return
	}
	switch b.Type {
	case "locals":
		c.addLocals(b)
	case "variable":
		c.addVariable(b)
	case "output":
		c.addOutput(b)
	case "module":
		c.addCall(b)
	case "check":
		if c.label(b, "check") != "" {
			c.module.checks = append(c.module.checks, b)
		}
	case "moved", "removed", "import":
		c.noLabel(b)
		c.module.moves = append(c.module.moves, b)
	case schema.SettingsBlock:
		c.addSettings(b)
	default:
		c.unsupported(b)
	}
}

func (c *collector) unsupported(b *hclsyntax.Block) {
	hint := message.Suggest(b.Type, blockWords())
	switch b.Type {
	case "resource", "data":
		hint = fmt.Sprintf(" Resources are written by their kind: %s \"name\" { … }.", strings.Join(schema.KindWords(), ", "))
	case "provider", "terraform", "backend":
		hint = " kuke needs no providers and keeps its state in one place (--run-path): take the block away."
	case "project":
		hint = " A configuration names its project in the block kuke { project = \"…\" }."
	}
	if hint == "" {
		hint = " At the top level stand " + strings.Join(blockWords(), ", ") + "."
	}
	c.diags.Errorf(source.RangeOf(b.TypeRange), "", "Unsupported block", "There is no block %q.%s", message.Shorten(b.Type), hint)
}

// resource returns the block of a resource with those nested in it, or nil where it has no name.
func (c *collector) resource(b *hclsyntax.Block, k resource.Kind, parent *block) *block {
	label := c.label(b, k.Lower())
	if label == "" {
		return nil
	}
	r := &block{kind: k, label: label, hcl: b, parent: parent}
	for _, nested := range b.Body.Blocks {
		nk, ok := schema.KindOf(nested.Type)
		switch {
		case !ok:
		case nk == k.Child():
			if added := c.resource(nested, nk, r); added != nil {
				r.nested = append(r.nested, added)
			}
		default:
			c.diags.Errorf(source.RangeOf(nested.DefRange()), "", "Misplaced block", "A %s can't hold a %s. The levels are %s; write the %s in a %s, or at the top level with parent = \"…\".",
				k.Lower(), nested.Type, strings.Join(schema.KindWords(), " > "), nested.Type, schema.Above(nk))
		}
	}
	return r
}

// label returns the one label of a block, or reports that it has not exactly one.
func (c *collector) label(b *hclsyntax.Block, what string) string {
	switch len(b.Labels) {
	case 0:
		c.diags.Errorf(source.RangeOf(b.DefRange()), "", "Missing name", "The name of the %s is missing. Write it after the word: %s \"name\" { … }.", what, b.Type)
		return ""
	case 1:
		if b.Labels[0] == "" {
			c.diags.Errorf(source.RangeOf(b.LabelRanges[0]), "", "Invalid name", "A name is empty.")
		}
		return b.Labels[0]
	}
	hint := ""
	if _, ok := schema.KindOf(b.Type); ok {
		hint = " Its parents are the blocks around it, or stand in parent = \"…\"."
	}
	c.diags.Errorf(source.RangeOf(b.LabelRanges[1]), "", "Extra name", "A %s has one name.%s", what, hint)
	return ""
}

func (c *collector) noLabel(b *hclsyntax.Block) {
	if len(b.Labels) > 0 {
		c.diags.Errorf(source.RangeOf(b.LabelRanges[0]), "", "Extra name", "A block %s has no name: write %s { … }.", b.Type, b.Type)
	}
}

// identifier returns the label of a block that must be one, since references name it.
func (c *collector) identifier(b *hclsyntax.Block) string {
	label := c.label(b, b.Type)
	if label != "" && !hclsyntax.ValidIdentifier(label) {
		c.diags.Errorf(source.RangeOf(b.LabelRanges[0]), "", "Invalid name", "%q can't be the name of a %s: a name begins with a letter and holds letters, digits, - and _.", message.Shorten(label), b.Type)
		return ""
	}
	return label
}

// duplicate reports that what is written at at was declared before, at first.
func duplicate(diags *resource.Diagnostics, at resource.Range, what, name string, first hcl.Range) {
	diags.Errorf(at, "", "Duplicate "+what, "The %s %q is already declared at %s. Keep one of them.", what, message.Shorten(name), source.RangeOf(first))
}

func (c *collector) addLocals(b *hclsyntax.Block) {
	c.noLabel(b)
	for _, nested := range b.Body.Blocks {
		c.diags.Errorf(source.RangeOf(nested.DefRange()), "", "Unsupported block", "Local values are arguments: write %s = … in locals.", message.Shorten(nested.Type))
	}
	for _, attr := range source.SortedAttributes(b.Body) {
		if first := c.module.locals[attr.Name]; first != nil {
			duplicate(c.diags, source.RangeOf(attr.NameRange), "local value", attr.Name, first.NameRange)
			continue
		}
		c.module.locals[attr.Name] = attr
	}
}

func (c *collector) addCall(b *hclsyntax.Block) {
	label := c.identifier(b)
	if label == "" {
		return
	}
	if first := c.module.calls[label]; first != nil {
		duplicate(c.diags, source.RangeOf(b.DefRange()), "module", label, first.hcl.DefRange())
		return
	}
	added := &call{label: label, hcl: b}
	c.module.calls[label] = added
	c.module.callOrder = append(c.module.callOrder, added)
}

var outputSchema = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{{Name: "value", Required: true}, {Name: "description"}, {Name: "sensitive"}, {Name: "depends_on"}, {Name: "ephemeral"}},
	Blocks:     []hcl.BlockHeaderSchema{{Type: "precondition"}},
}

func (c *collector) addOutput(b *hclsyntax.Block) {
	name := c.identifier(b)
	if name == "" {
		return
	}
	if first := c.module.outputs[name]; first != nil {
		c.diags.Errorf(source.RangeOf(b.DefRange()), "", "Duplicate output", "The output %q is already declared at %s. Keep one of them.", name, first.declared)
		return
	}
	content, problems := b.Body.Content(outputSchema)
	source.Report(problems, c.diags)
	o := &outputBlock{name: name, value: b.Body.Attributes["value"], after: b.Body.Attributes["depends_on"], declared: source.RangeOf(b.DefRange())}
	if attr := content.Attributes["description"]; attr != nil {
		o.description = constantText(attr, c.diags)
	}
	if attr := content.Attributes["sensitive"]; attr != nil {
		o.sensitive = constantBool(attr, c.diags)
	}
	if attr := content.Attributes["ephemeral"]; attr != nil {
		c.noEphemeral(attr)
	}
	for _, nested := range content.Blocks {
		if r := newRule(nested, c.diags); r != nil {
			o.rules = append(o.rules, r)
		}
	}
	if o.value != nil {
		c.module.outputs[name] = o
	}
}

// moduleDir returns the directory of a module that the one in dir calls by source, or says why there is none.
func moduleDir(dir, source string) (string, error) {
	local := slices.ContainsFunc([]string{"./", "../"}, func(prefix string) bool { return strings.HasPrefix(source, prefix) }) || source == "." || source == ".."
	if !local {
		return "", fmt.Errorf("a module is a folder beside this one: write a path that begins with ./ or ../, not %q", message.Shorten(source))
	}
	return filepath.Join(dir, source), nil
}
