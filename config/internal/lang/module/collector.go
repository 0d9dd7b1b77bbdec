package module

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// collector sorts the blocks of the files of a module.
type collector struct {
	module *Module
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
		c.module.Broken = true
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
			c.module.Blocks = append(c.module.Blocks, added)
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
			c.module.Checks = append(c.module.Checks, b)
		}
	case "moved", "removed", "import":
		c.noLabel(b)
		c.module.StateBlocks = append(c.module.StateBlocks, b)
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
		hint = " kuke needs no providers and keeps its state in one place (--run-path): remove the block."
	case "service", "services":
		hint = " A service of Docker Compose is a cell with a container: cell \"name\" { container \"name\" { … } }, see kuke help compose."
	case "network", "networks":
		hint = " A network of Docker Compose is a space: space \"name\" { … }, see kuke help compose."
	case "secret", "secrets", "config", "configs":
		hint = fmt.Sprintf(" Write a block %s in each container that uses it.", strings.TrimSuffix(b.Type, "s"))
	case "project":
		hint = " A configuration names its project in the block kuke { project = \"…\" }."
	}
	if hint == "" {
		hint = " At the top level stand " + strings.Join(blockWords(), ", ") + "."
	}
	c.diags.Errorf(source.RangeOf(b.TypeRange), "", "Unsupported block", "There is no block %q.%s", message.Shorten(b.Type), hint)
}

// resource returns the block of a resource with those nested in it, or nil where it has no name.
func (c *collector) resource(b *hclsyntax.Block, k resource.Kind, parent *Block) *Block {
	label := c.label(b, k.Lower())
	if label == "" {
		return nil
	}
	r := &Block{Kind: k, Label: label, Syntax: b, Parent: parent}
	for _, nested := range b.Body.Blocks {
		nk, ok := schema.NestedKind(k, nested.Type)
		switch {
		case !ok:
		case slices.Contains(nk.Parents(), k):
			if added := c.resource(nested, nk, r); added != nil {
				r.Nested = append(r.Nested, added)
			}
		default:
			c.diags.Errorf(source.RangeOf(nested.DefRange()), "", "Misplaced block", "A %s can't hold a %s. The levels are %s; write the %s in a %s, or at the top level with parent = \"…\".",
				k.Lower(), nested.Type, strings.Join(schema.LevelWords(), " > "), nested.Type, schema.Above(nk))
		}
	}
	return r
}

// label returns the one label of a block, or reports that it has not exactly one.
func (c *collector) label(b *hclsyntax.Block, noun string) string {
	switch len(b.Labels) {
	case 0:
		c.diags.Errorf(source.RangeOf(b.DefRange()), "", "Missing name", "The name of the %s is missing. Write it after the word: %s \"name\" { … }.", noun, b.Type)
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
	c.diags.Errorf(source.RangeOf(b.LabelRanges[1]), "", "Extra name", "A %s has one name.%s", noun, hint)
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

// ReportDuplicate reports that the declaration at at repeats the one at first.
func ReportDuplicate(diags *resource.Diagnostics, at resource.Range, noun, name string, first hcl.Range) {
	diags.Errorf(at, "", "Duplicate "+noun, "The %s %q is already declared at %s. Keep one of them.", noun, message.Shorten(name), source.RangeOf(first))
}

func (c *collector) addLocals(b *hclsyntax.Block) {
	c.noLabel(b)
	for _, nested := range b.Body.Blocks {
		c.diags.Errorf(source.RangeOf(nested.DefRange()), "", "Unsupported block", "Local values are arguments: write %s = … in locals.", message.Shorten(nested.Type))
	}
	for _, attr := range source.SortedAttributes(b.Body) {
		if first := c.module.Locals[attr.Name]; first != nil {
			ReportDuplicate(c.diags, source.RangeOf(attr.NameRange), "local value", attr.Name, first.NameRange)
			continue
		}
		c.module.Locals[attr.Name] = attr
	}
}

func (c *collector) addCall(b *hclsyntax.Block) {
	label := c.identifier(b)
	if label == "" {
		return
	}
	if first := c.module.Calls[label]; first != nil {
		ReportDuplicate(c.diags, source.RangeOf(b.DefRange()), "module", label, first.Syntax.DefRange())
		return
	}
	added := &Call{Label: label, Syntax: b}
	c.module.Calls[label] = added
	c.module.CallOrder = append(c.module.CallOrder, added)
}
