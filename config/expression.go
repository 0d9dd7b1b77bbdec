package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
)

// expression evaluates expr, keeping the places of the members of lists and objects that are written out. It returns
// nil once it has reported what is wrong.
func (e *evaluator) expression(expr hclsyntax.Expression, s *scope) *value {
	rng := hclRange(expr.Range())
	switch x := expr.(type) {
	case *hclsyntax.TupleConsExpr:
		v := &value{kind: listKind, rng: rng}
		for _, item := range x.Exprs {
			if val := e.expression(item, s); val != nil {
				v.items = append(v.items, val)
			}
		}
		return v
	case *hclsyntax.ObjectConsExpr:
		v := &value{kind: objectKind, rng: rng}
		seen := map[string]resource.Range{}
		for _, item := range x.Items {
			e.objectItem(v, item, seen, s)
		}
		return v
	case *hclsyntax.ParenthesesExpr:
		return e.expression(x.Expression, s)
	}
	val, ok := e.evaluate(expr, s)
	if !ok {
		return nil
	}
	return e.value(val, rng)
}

func (e *evaluator) objectItem(v *value, item hclsyntax.ObjectConsItem, seen map[string]resource.Range, s *scope) {
	at := hclRange(item.KeyExpr.Range())
	key, ok := e.settled(item.KeyExpr, s, "the name of a member")
	if !ok {
		return
	}
	key, err := convert.Convert(key, cty.String)
	if err != nil || key.IsNull() {
		e.diags.Errorf(at, "", "Wrong type", "The name of a member must be a string.")
		return
	}
	name := key.AsString()
	if first, ok := seen[name]; ok {
		e.diags.Errorf(at, "", "Duplicate argument", "%q is already set at %s. Keep one of them.", message.Shorten(name), first)
		return
	}
	seen[name] = at
	if val := e.expression(item.ValueExpr, s); val != nil {
		v.fields = append(v.fields, field{name, at, val})
	}
}

// value turns the result of an evaluation into a value written at rng. What is in something sensitive is sensitive too.
func (e *evaluator) value(val cty.Value, rng resource.Range) *value {
	v := &value{rng: rng}
	val, marks := val.Unmark()
	v.sensitive = len(marks) > 0
	ty := val.Type()
	switch {
	case !val.IsKnown():
		v.kind = unknownKind
	case val.IsNull():
		v.kind = nullKind
	case ty == cty.String:
		v.kind, v.text = stringKind, val.AsString()
	case ty == cty.Bool:
		v.kind, v.text = boolKind, fmt.Sprint(val.True())
	case ty == cty.Number:
		return e.number(v, val)
	case ty.IsObjectType() || ty.IsMapType():
		v.kind = objectKind
		for it := val.ElementIterator(); it.Next(); {
			key, element := it.Element()
			key, _ = key.Unmark()
			if member := e.value(element.WithMarks(marks), rng); member != nil {
				v.fields = append(v.fields, field{key.AsString(), rng, member})
			}
		}
	case ty.IsListType() || ty.IsSetType() || ty.IsTupleType():
		v.kind = listKind
		for it := val.ElementIterator(); it.Next(); {
			_, element := it.Element()
			if item := e.value(element.WithMarks(marks), rng); item != nil {
				v.items = append(v.items, item)
			}
		}
	default:
		e.diags.Errorf(rng, "", "Wrong type", "A value of the type %s can't be used here.", ty.FriendlyName())
		return nil
	}
	return v
}

func (e *evaluator) number(v *value, val cty.Value) *value {
	f := val.AsBigFloat()
	if exponent := f.MantExp(nil); f.IsInf() || exponent > maxExponent || exponent < -maxExponent {
		e.diags.Errorf(v.rng, "", "Out of range", "This number is infinite, or too large or too small for anything here.")
		return nil
	}
	text, err := convert.Convert(val, cty.String)
	if err != nil {
		panic("a number has no text: " + err.Error())
	}
	v.kind, v.text = numberKind, text.AsString()
	return v
}

// maxExponent bounds numbers to those of a 64-bit float, so that their text stays short.
const maxExponent = 1024
