package module

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource/outline"
)

// outlineOf returns the blocks of the module as they are written, with the calls of other modules, but without these modules. It
// must be called before anything is evaluated, which changes expressions.
func outlineOf(m *Module) *outline.Module {
	o := &outline.Module{Outputs: map[string]outline.Output{}, Calls: map[string]outline.Call{}, Variables: map[string]outline.Declared{}}
	for name, v := range m.Variables {
		d := outline.Declared{Description: v.Description, Sensitive: v.Sensitive}
		if v.Default != cty.NilVal && v.Default.IsWhollyKnown() && !v.Sensitive {
			d.Default = JSON(v.Default)
		}
		o.Variables[name] = d
	}
	for name, out := range m.Outputs {
		value := expressionOf(out.Value.Expr)
		if out.Sensitive {
			value.Constant = nil
		}
		o.Outputs[name] = outline.Output{Sensitive: out.Sensitive, Expression: &value, Description: out.Description}
	}
	for _, c := range m.CallOrder {
		body := c.Syntax.Body
		call := outline.Call{Expressions: expressionsOf(body), ForEach: argument(body, "for_each"), Count: argument(body, "count")}
		if attr := body.Attributes["source"]; attr != nil {
			_ = json.Unmarshal(expressionOf(attr.Expr).Constant, &call.Source)
		}
		delete(call.Expressions, "source")
		o.Calls[c.Label] = call
	}
	m.Walk(func(b *Block) {
		o.Resources = append(o.Resources, outline.Resource{
			Address: b.Chain(), Mode: outline.Managed, Type: outline.TypeOf(b.Kind), Name: b.Label, ProviderConfigKey: outline.ProviderKey,
			Expressions: expressionsOf(b.Syntax.Body), ForEach: argument(b.Syntax.Body, "for_each"), Count: argument(b.Syntax.Body, "count"),
		})
	})
	return o
}

// Chain returns the address of the block within its module, by the blocks around it: realm.main.space.default.
func (b *Block) Chain() string {
	if b.Parent == nil {
		return b.Address()
	}
	return b.Parent.Chain() + "." + b.Address()
}

// JSON returns a known value as JSON, without its marks.
func JSON(val cty.Value) json.RawMessage {
	val, _ = val.UnmarkDeep()
	data, err := ctyjson.Marshal(val, val.Type())
	if err != nil {
		return nil
	}
	// As a plan file writes it: read again, the value is the same.
	data, err = json.Marshal(json.RawMessage(data))
	if err != nil {
		return nil
	}
	return data
}

// argument returns the argument of that name as it is written, or nil.
func argument(body *hclsyntax.Body, name string) *outline.Expression {
	attr := body.Attributes[name]
	if attr == nil {
		return nil
	}
	e := expressionOf(attr.Expr)
	return &e
}

// expressionsOf returns the arguments and blocks of a body, but for those that repeat it, its lifecycle and the resources in it.
func expressionsOf(body *hclsyntax.Body) map[string]outline.Expression {
	all := map[string]outline.Expression{}
	for name, attr := range body.Attributes {
		if name != "for_each" && name != "count" {
			all[name] = expressionOf(attr.Expr)
		}
	}
	for _, b := range body.Blocks {
		name, content := b.Type, b.Body
		if _, isKind := schema.KindOf(name); isKind && len(b.Labels) > 0 || name == "lifecycle" {
			continue
		}
		if name == "dynamic" && len(b.Labels) == 1 && len(b.Body.Blocks) == 1 {
			name, content = b.Labels[0], b.Body.Blocks[0].Body
		}
		blocks := all[name]
		blocks.Blocks = append(blocks.Blocks, expressionsOf(content))
		all[name] = blocks
	}
	return all
}

// expressionOf returns an expression as it is written.
func expressionOf(expr hclsyntax.Expression) outline.Expression {
	var e outline.Expression
	for _, t := range expr.Variables() {
		for _, name := range referenceNames(t) {
			if !slices.Contains(e.References, name) {
				e.References = append(e.References, name)
			}
		}
	}
	if len(e.References) > 0 || !isConstant(expr) {
		return e
	}
	if val, problems := expr.Value(nil); !problems.HasErrors() && val.IsWhollyKnown() {
		e.Constant = JSON(val)
	}
	return e
}

// isConstant reports whether an expression is written out: evaluating it takes no more work than reading it.
func isConstant(expr hclsyntax.Expression) bool {
	constant := true
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n.(type) {
		case *hclsyntax.LiteralValueExpr, *hclsyntax.TemplateExpr, *hclsyntax.TemplateWrapExpr, *hclsyntax.ParenthesesExpr, *hclsyntax.UnaryOpExpr,
			*hclsyntax.TupleConsExpr, *hclsyntax.ObjectConsExpr, *hclsyntax.ObjectConsKeyExpr, *hclsyntax.ScopeTraversalExpr:
			// A ScopeTraversalExpr that is no variable is the name of a member.
		default:
			constant = false
		}
		return nil
	})
	return constant
}

// referenceNames returns the reference, and those that it begins with, down to two words.
func referenceNames(t hcl.Traversal) []string {
	const words = 2
	var b strings.Builder
	var names []string
	for i, step := range t {
		switch s := step.(type) {
		case hcl.TraverseRoot:
			b.WriteString(s.Name)
		case hcl.TraverseIndex:
			if key, ok := source.StepName(step); ok {
				b.WriteString("[" + strconv.Quote(key) + "]")
			} else if s.Key.Type() == cty.Number && s.Key.IsKnown() && !s.Key.IsNull() {
				b.WriteString("[" + s.Key.AsBigFloat().Text('f', -1) + "]")
			} else {
				b.WriteString("[…]")
			}
		case hcl.TraverseAttr:
			b.WriteString("." + s.Name)
		default:
			b.WriteString("[*]")
		}
		if i+1 >= words || len(t) == 1 {
			names = append(names, b.String())
		}
	}
	slices.Reverse(names)
	return names
}
