package config

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/resource"
)

// byPath returns expr, which says what a resource waits for, with the path in place of each reference to a whole container
// or cell: depends_on = [container.db] stands for [container.db.path]. What was made of an expression is made once.
func (e *evaluator) byPath(expr hclsyntax.Expression) hclsyntax.Expression {
	if made := e.paths[expr]; made != nil {
		return made
	}
	made := expr
	switch x := expr.(type) {
	case *hclsyntax.TupleConsExpr:
		list := *x
		list.Exprs = nil
		for _, item := range x.Exprs {
			list.Exprs = append(list.Exprs, e.byPath(item))
		}
		made = &list
	case *hclsyntax.ObjectConsExpr:
		object := *x
		object.Items = slices.Clone(x.Items)
		for i, item := range object.Items {
			object.Items[i].ValueExpr = e.byPath(item.ValueExpr)
		}
		made = &object
	case *hclsyntax.ScopeTraversalExpr:
		kind, ok := schema.KindOf(x.Traversal.RootName())
		if !ok || kind != resource.KindContainer && kind != resource.KindCell {
			break
		}
		// The label, and with for_each or count a key.
		const label, key = 2, 3
		if _, isIndex := x.Traversal[len(x.Traversal)-1].(hcl.TraverseIndex); len(x.Traversal) != label && (len(x.Traversal) != key || !isIndex) {
			break
		}
		made = &hclsyntax.ScopeTraversalExpr{Traversal: append(slices.Clone(x.Traversal), hcl.TraverseAttr{Name: "path", SrcRange: x.SrcRange}), SrcRange: x.SrcRange}
	}
	e.paths[expr] = made
	return made
}

// nameByPath is byPath for the content of a depends_on block.
func (e *evaluator) nameByPath(content *hclsyntax.Body) *hclsyntax.Body {
	name := content.Attributes["name"]
	if name == nil {
		return content
	}
	body, attr := *content, *name
	attr.Expr = e.byPath(name.Expr)
	body.Attributes = make(hclsyntax.Attributes, len(content.Attributes))
	for key, a := range content.Attributes {
		body.Attributes[key] = a
	}
	body.Attributes["name"] = &attr
	return &body
}
