package config

import (
	"maps"
	"slices"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// body turns the arguments of a body, except those in meta, and its blocks, except those that skip names, into an object.
// Blocks of one type become one field.
func (e *evaluator) body(body *hclsyntax.Body, s *scope, skip func(*hclsyntax.Block) bool, meta []string) *source.Value {
	v := &source.Value{Shape: source.Object, Range: source.RangeOf(body.Range())}
	for _, attr := range source.SortedAttributes(body) {
		if slices.Contains(meta, attr.Name) {
			continue
		}
		expr := attr.Expr
		if attr.Name == schema.DependsOn {
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

// nothing is what body skips in a block that holds no resources.
func nothing(*hclsyntax.Block) bool { return false }

// blockFields gathers the blocks of one body by their type.
type blockFields struct {
	eval   *evaluator
	of     *source.Value
	byType map[string]*source.Value
}

// add adds a block of the type name, which is written at, with the content.
func (b *blockFields) add(name string, at resource.Range, block *hclsyntax.Block, content *hclsyntax.Body, s *scope) {
	// What is wrong with a block of another type is its type.
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

var dynamicSchema = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{{Name: "for_each", Required: true}, {Name: "iterator"}},
	Blocks:     []hcl.BlockHeaderSchema{{Type: "content"}},
}

// dynamic adds the blocks that a dynamic block stands for.
func (b *blockFields) dynamic(block *hclsyntax.Block, s *scope) {
	at := source.RangeOf(block.DefRange())
	if len(block.Labels) != 1 {
		b.eval.diags.Errorf(at, "", "Missing name", "A dynamic block names the type of the blocks that it makes: dynamic \"volume\" { … }.")
		return
	}
	name := block.Labels[0]
	if _, isKind := schema.KindOf(name); isKind {
		b.eval.diags.Errorf(source.RangeOf(block.LabelRanges[0]), "", "Unsupported block", "A %s takes for_each itself: write %s \"name\" { for_each = … }.", name, name)
		return
	}
	if !attributeWords()[name] {
		// Also where it makes no block today: one day it will.
		hint := message.Suggest(name, slices.Sorted(maps.Keys(attributeWords())))
		if name == "lifecycle" {
			hint = " What lifecycle says is needed before anything is worked out: write it as it is."
		}
		b.eval.diags.Errorf(source.RangeOf(block.LabelRanges[0]), "", "Unsupported block", "No dynamic block makes blocks %q.%s", message.Shorten(name), hint)
		return
	}
	content, problems := block.Body.Content(dynamicSchema)
	b.eval.report(problems)
	if problems.HasErrors() {
		return
	}
	if len(content.Blocks) != 1 {
		b.eval.diags.Errorf(at, "", "Missing content", "A dynamic block has one block content, which says what is in each of the blocks that it makes.")
		return
	}
	iterator := name
	if attr := content.Attributes["iterator"]; attr != nil {
		if iterator = hcl.ExprAsKeyword(attr.Expr); iterator == "" {
			b.eval.diags.Errorf(source.RangeOf(attr.Expr.Range()), "", "Wrong type", "iterator must be a name, without quotes.")
			return
		}
	}
	keys, values, ok := b.eval.elements(block.Body.Attributes["for_each"].Expr, s, true)
	if !ok || !b.eval.room(len(keys), at) {
		return
	}
	for i, key := range keys {
		inner := s.with(iterator, cty.ObjectVal(map[string]cty.Value{"key": key, "value": values[i]}))
		b.add(name, source.RangeOf(block.LabelRanges[0]), block, content.Blocks[0].Body.(*hclsyntax.Body), inner)
	}
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
	for _, k := range resource.Kinds {
		add(k.Attributes())
	}
	return words
})
