package eval

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
)

var dynamicSchema = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{{Name: "for_each", Required: true}, {Name: "iterator"}},
	Blocks:     []hcl.BlockHeaderSchema{{Type: "content"}},
}

// dynamic adds the blocks that a dynamic block generates.
func (b *blockFields) dynamic(block *hclsyntax.Block, s *Scope) {
	at := source.RangeOf(block.DefRange())
	if len(block.Labels) != 1 {
		b.eval.diags.Errorf(at, "", "Missing name", "A dynamic block names the type of the blocks that it makes: dynamic \"volume\" { … }.")
		return
	}
	name := block.Labels[0]
	if _, isKind := schema.KindOf(name); isKind && !attributeWords()[name] {
		b.eval.diags.Errorf(source.RangeOf(block.LabelRanges[0]), "", "Unsupported block", "A %s takes for_each itself: write %s \"name\" { for_each = … }.", name, name)
		return
	}
	if !attributeWords()[name] {
		// Also where it makes no block today: one day it will.
		hint := message.Suggest(name, slices.Sorted(maps.Keys(attributeWords())))
		if name == "lifecycle" {
			hint = " The block lifecycle is needed before anything is evaluated: write it as it is."
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
		b.eval.diags.Errorf(at, "", "Missing content", "A dynamic block has one block content, with the arguments of each block that it makes.")
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
