package eval

import (
	"fmt"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// expression evaluates expr, keeping the places of the members of lists and objects that are written out. It returns nil
// once it has reported an error.
func (e *Evaluator) expression(expr hclsyntax.Expression, s *Scope) *source.Value {
	rng := source.RangeOf(expr.Range())
	switch x := expr.(type) {
	case *hclsyntax.TupleConsExpr:
		v := &source.Value{Shape: source.List, Range: rng}
		for _, item := range x.Exprs {
			if val := e.expression(item, s); val != nil {
				v.Items = append(v.Items, val)
			}
		}
		return v
	case *hclsyntax.ObjectConsExpr:
		v := &source.Value{Shape: source.Object, Range: rng}
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

func (e *Evaluator) objectItem(v *source.Value, item hclsyntax.ObjectConsItem, seen map[string]resource.Range, s *Scope) {
	at := source.RangeOf(item.KeyExpr.Range())
	key, ok := e.Settled(item.KeyExpr, s, "the name of a member")
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
		v.Fields = append(v.Fields, source.Field{Name: name, At: at, Value: val})
	}
}

// value turns the result of an evaluation into a value written at rng. The members of a sensitive value are sensitive too.
func (e *Evaluator) value(val cty.Value, rng resource.Range) *source.Value {
	v := &source.Value{Range: rng}
	val, marks := val.Unmark()
	v.Sensitive = len(marks) > 0
	ty := val.Type()
	switch {
	case !val.IsKnown():
		v.Shape = source.Unknown
	case val.IsNull():
		v.Shape = source.Null
	case ty == cty.String:
		v.Shape, v.Text = source.String, val.AsString()
	case ty == cty.Bool:
		v.Shape, v.Text = source.Bool, fmt.Sprint(val.True())
	case ty == cty.Number:
		return e.number(v, val)
	case ty.IsObjectType() || ty.IsMapType():
		v.Shape = source.Object
		for it := val.ElementIterator(); it.Next(); {
			key, element := it.Element()
			key, _ = key.Unmark()
			if member := e.value(element.WithMarks(marks), rng); member != nil {
				v.Fields = append(v.Fields, source.Field{Name: key.AsString(), At: rng, Value: member})
			}
		}
	case ty.IsListType() || ty.IsSetType() || ty.IsTupleType():
		v.Shape = source.List
		for it := val.ElementIterator(); it.Next(); {
			_, element := it.Element()
			if item := e.value(element.WithMarks(marks), rng); item != nil {
				v.Items = append(v.Items, item)
			}
		}
	default:
		e.diags.Errorf(rng, "", "Wrong type", "A value of the type %s can't be used here.", ty.FriendlyName())
		return nil
	}
	return v
}

func (e *Evaluator) number(v *source.Value, val cty.Value) *source.Value {
	f := val.AsBigFloat()
	if exponent := f.MantExp(nil); f.IsInf() || exponent > maxExponent || exponent < -maxExponent {
		e.diags.Errorf(v.Range, "", "Out of range", "This number is infinite, or too large or too small for anything here.")
		return nil
	}
	text, err := convert.Convert(val, cty.String)
	if err != nil {
		panic("a number has no text: " + err.Error())
	}
	v.Shape, v.Text = source.Number, text.AsString()
	return v
}

// maxExponent bounds numbers to those of a 64-bit float, so that their text stays short.
const maxExponent = 1024
