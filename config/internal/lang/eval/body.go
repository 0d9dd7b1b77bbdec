package eval

import (
	"slices"
	"sync"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// body turns the arguments of a body, except those in meta, and its blocks, except those that skip names, into an object.
// Blocks of one type become one field.
func (e *Evaluator) body(body *hclsyntax.Body, s *Scope, skip func(*hclsyntax.Block) bool, meta []string) *source.Value {
	v := &source.Value{Shape: source.Object, Range: source.RangeOf(body.Range())}
	for _, attr := range source.SortedAttributes(body) {
		if slices.Contains(meta, attr.Name) {
			continue
		}
		expr := attr.Expr
		if attr.Name == schema.DependsOn || attr.Name == schema.MountedVolume {
			expr = e.byPath(expr)
		}
		if val := e.expression(expr, s); val != nil {
			v.Fields = append(v.Fields, source.Field{Name: attr.Name, At: source.RangeOf(attr.NameRange), Value: val})
		}
	}
	b := &blockFields{eval: e, of: v, byType: map[string]*source.Value{}}
	for _, block := range body.Blocks {
		switch {
		case skip(block):
		case block.Type == "dynamic":
			b.dynamic(block, s)
		default:
			b.add(block.Type, source.RangeOf(block.TypeRange), block, block.Body, s)
		}
	}
	return v
}

// nothing skips no block: the body holds no resources.
func nothing(*hclsyntax.Block) bool { return false }

// blockFields gathers the blocks of one body by their type.
type blockFields struct {
	eval   *Evaluator
	of     *source.Value
	byType map[string]*source.Value
}

// add adds a block of the type name, which is written at, with the content.
func (b *blockFields) add(name string, at resource.Range, block *hclsyntax.Block, content *hclsyntax.Body, s *Scope) {
	// Where the type of the block is wrong, that alone is reported.
	if block.Type == name && len(block.Labels) > 0 && attributeWords()[name] {
		b.eval.diags.Errorf(source.RangeOf(block.LabelRanges[0]), "", "Extra name", "A block %s has no name: write %s { … }.", message.Shorten(name), message.Shorten(name))
	}
	blocks := b.byType[name]
	if blocks == nil {
		blocks = &source.Value{Shape: source.List, Blocks: true, Range: source.RangeOf(block.DefRange())}
		b.byType[name] = blocks
		b.of.Fields = append(b.of.Fields, source.Field{Name: name, At: at, Value: blocks})
	}
	if name == schema.DependsOn {
		content = b.eval.nameByPath(content)
	}
	item := b.eval.body(content, s, nothing, nil)
	item.Range = source.RangeOf(block.DefRange())
	blocks.Items = append(blocks.Items, item)
}

// attributeWords holds the names of all attributes, at every level.
var attributeWords = sync.OnceValue(func() map[string]bool {
	words := map[string]bool{}
	var add func(attrs []*resource.Attribute)
	add = func(attrs []*resource.Attribute) {
		for _, a := range attrs {
			words[a.HCLName] = true
			add(a.Fields)
		}
	}
	for _, k := range resource.AllKinds {
		add(k.Attributes())
	}
	return words
})
