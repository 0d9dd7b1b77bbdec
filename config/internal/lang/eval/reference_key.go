package eval

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/schema"
)

// use is how an expression goes on after a reference: with a key, and then with an attribute.
type use struct {
	key       cty.Value
	attribute string
}

// keyed is a reference by a key that must be evaluated, as in cell.web[each.key].address.
type keyed struct {
	// at is the place where the reference begins, a byte offset.
	at        int
	key       hclsyntax.Expression
	variables []hcl.Traversal // of the key
	attribute string
}

// keyedIn returns the references by keys that must be evaluated.
func keyedIn(expr hclsyntax.Expression) []keyed {
	var all []keyed
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		attribute := ""
		if rel, ok := n.(*hclsyntax.RelativeTraversalExpr); ok {
			if attr, ok := rel.Traversal[0].(hcl.TraverseAttr); ok {
				attribute = attr.Name
			}
			n = rel.Source
		}
		index, ok := n.(*hclsyntax.IndexExpr)
		if !ok {
			return nil
		}
		of, ok := index.Collection.(*hclsyntax.ScopeTraversalExpr)
		if !ok || len(of.Traversal) != 2 {
			return nil
		}
		if _, isKind := schema.KindOf(of.Traversal.RootName()); !isKind {
			return nil
		}
		at := of.Traversal.SourceRange().Start.Byte
		// It is visited with its attribute, and then by itself.
		if !slices.ContainsFunc(all, func(k keyed) bool { return k.at == at }) {
			all = append(all, keyed{at, index.Key, index.Key.Variables(), attribute})
		}
		return nil
	})
	return all
}

// usesOf evaluates the keys of references, but for keys that depend on the variables of a for expression.
func (e *Evaluator) usesOf(x *prepared, s *Scope) map[int]use {
	uses := map[int]use{}
	for _, k := range x.keyed {
		if !s.knows(k.variables) {
			continue
		}
		ctx, ok := e.context(k.variables, nil, s)
		if !ok {
			continue // which the whole will say again
		}
		if key, problems := k.key.Value(ctx); !problems.HasErrors() {
			uses[k.at] = use{key, k.attribute}
		}
	}
	return uses
}

// referredAttribute returns the name of the attribute that a traversal goes on with, "" if that is unknown, and the key
// before it, cty.NilVal where there is none.
func referredAttribute(rest hcl.Traversal) (name string, key cty.Value) {
	if len(rest) > 0 {
		if index, isIndex := rest[0].(hcl.TraverseIndex); isIndex {
			key, rest = index.Key, rest[1:]
		}
	}
	if len(rest) > 0 {
		if attr, ok := rest[0].(hcl.TraverseAttr); ok {
			return attr.Name, key
		}
	}
	return "", key
}
