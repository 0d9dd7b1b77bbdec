package config

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/kukeon/kuke/config/realm"
)

// functions are those that expressions may call. None of them makes much out of little, as range or a repeat would.
var functions = map[string]function.Function{
	"abs":        stdlib.AbsoluteFunc,
	"ceil":       stdlib.CeilFunc,
	"chomp":      stdlib.ChompFunc,
	"coalesce":   stdlib.CoalesceFunc,
	"compact":    stdlib.CompactFunc,
	"concat":     stdlib.ConcatFunc,
	"contains":   stdlib.ContainsFunc,
	"distinct":   stdlib.DistinctFunc,
	"element":    stdlib.ElementFunc,
	"flatten":    stdlib.FlattenFunc,
	"floor":      stdlib.FloorFunc,
	"format":     stdlib.FormatFunc,
	"join":       stdlib.JoinFunc,
	"jsonencode": stdlib.JSONEncodeFunc,
	"keys":       stdlib.KeysFunc,
	"length":     stdlib.LengthFunc,
	"lookup":     stdlib.LookupFunc,
	"lower":      stdlib.LowerFunc,
	"max":        stdlib.MaxFunc,
	"merge":      stdlib.MergeFunc,
	"min":        stdlib.MinFunc,
	"regex":      stdlib.RegexFunc,
	"replace":    stdlib.ReplaceFunc,
	"reverse":    stdlib.ReverseListFunc,
	"sort":       stdlib.SortFunc,
	"split":      stdlib.SplitFunc,
	"strlen":     stdlib.StrlenFunc,
	"substr":     stdlib.SubstrFunc,
	"title":      stdlib.TitleFunc,
	"tobool":     stdlib.MakeToFunc(cty.Bool),
	"tonumber":   stdlib.MakeToFunc(cty.Number),
	"tostring":   stdlib.MakeToFunc(cty.String),
	"trim":       stdlib.TrimFunc,
	"trimprefix": stdlib.TrimPrefixFunc,
	"trimspace":  stdlib.TrimSpaceFunc,
	"trimsuffix": stdlib.TrimSuffixFunc,
	"upper":      stdlib.UpperFunc,
	"values":     stdlib.ValuesFunc,
}

// expression evaluates expr, keeping the places of the members of lists and objects that are written out. It returns
// nil once it has reported what is wrong.
func (r *hclReader) expression(expr hclsyntax.Expression) *value {
	rng := hclRange(expr.Range())
	switch e := expr.(type) {
	case *hclsyntax.TupleConsExpr:
		v := &value{kind: listKind, rng: rng}
		for _, item := range e.Exprs {
			if val := r.expression(item); val != nil {
				v.items = append(v.items, val)
			}
		}
		return v
	case *hclsyntax.ObjectConsExpr:
		v := &value{kind: objectKind, rng: rng}
		seen := map[string]realm.Range{}
		for _, item := range e.Items {
			r.objectItem(v, item, seen)
		}
		return v
	case *hclsyntax.ParenthesesExpr:
		return r.expression(e.Expression)
	}
	val, ok := r.evaluate(expr)
	if !ok {
		return nil
	}
	return r.value(val, rng)
}

func (r *hclReader) objectItem(v *value, item hclsyntax.ObjectConsItem, seen map[string]realm.Range) {
	at := hclRange(item.KeyExpr.Range())
	key, ok := r.evaluate(item.KeyExpr)
	if !ok {
		return
	}
	key, err := convert.Convert(key, cty.String)
	if err != nil || key.IsNull() {
		r.diags.Errorf(at, "", "Wrong type", "The name of a member must be a string.")
		return
	}
	name := key.AsString()
	if first, ok := seen[name]; ok {
		r.diags.Errorf(at, "", "Duplicate argument", "%q is already set at %s. Keep one of them.", shorten(name), first)
		return
	}
	seen[name] = at
	if val := r.expression(item.ValueExpr); val != nil {
		v.fields = append(v.fields, field{name, at, val})
	}
}

// evaluate returns the known, unmarked value of expr.
func (r *hclReader) evaluate(expr hclsyntax.Expression) (cty.Value, bool) {
	if variables := expr.Variables(); len(variables) > 0 {
		for _, traversal := range variables {
			r.unknownVariable(traversal)
		}
		return cty.NilVal, false
	}
	val, problems := expr.Value(&hcl.EvalContext{Functions: functions})
	r.report(problems)
	if problems.HasErrors() {
		return cty.NilVal, false
	}
	val, _ = val.UnmarkDeep()
	if !val.IsWhollyKnown() {
		r.diags.Errorf(hclRange(expr.Range()), "", "Unknown value", "The value of this expression can't be worked out.")
		return cty.NilVal, false
	}
	return val, true
}

// unknownVariable explains that there are no variables: mostly, quotes were forgotten.
func (r *hclReader) unknownVariable(t hcl.Traversal) {
	at := hclRange(t.SourceRange())
	name := t.RootName()
	switch {
	case len(t) > 1 && slices.Contains([]string{"var", "local", "each", "count", "path"}, name):
		if member, ok := t[1].(hcl.TraverseAttr); ok {
			name += "." + member.Name
		}
		r.diags.Errorf(at, "", "Unknown variable", "This version of kuke has no variables, so that %s has no value. Write the value itself.", shorten(name))
	case len(t) == 1:
		r.diags.Errorf(at, "", "Unknown variable", "Without quotes, %s is read as the name of a variable, and there is none of that name. To mean the text, write %q.", shorten(name), shorten(name))
	default:
		r.diags.Errorf(at, "", "Unknown variable", "There is no variable called %q. To mean text, put it in quotes.", shorten(name))
	}
}

// value turns the result of an evaluation into a value written at rng.
func (r *hclReader) value(val cty.Value, rng realm.Range) *value {
	v := &value{rng: rng}
	ty := val.Type()
	switch {
	case val.IsNull():
		v.kind = nullKind
	case ty == cty.String:
		v.kind, v.text = stringKind, val.AsString()
	case ty == cty.Bool:
		v.kind, v.text = boolKind, fmt.Sprint(val.True())
	case ty == cty.Number:
		return r.number(val, rng)
	case ty.IsObjectType() || ty.IsMapType():
		v.kind = objectKind
		for it := val.ElementIterator(); it.Next(); {
			key, element := it.Element()
			if member := r.value(element, rng); member != nil {
				v.fields = append(v.fields, field{key.AsString(), rng, member})
			}
		}
	case ty.IsListType() || ty.IsSetType() || ty.IsTupleType():
		v.kind = listKind
		for it := val.ElementIterator(); it.Next(); {
			_, element := it.Element()
			if item := r.value(element, rng); item != nil {
				v.items = append(v.items, item)
			}
		}
	default:
		r.diags.Errorf(rng, "", "Wrong type", "A value of the type %s can't be used here.", ty.FriendlyName())
		return nil
	}
	return v
}

func (r *hclReader) number(val cty.Value, rng realm.Range) *value {
	f := val.AsBigFloat()
	if exponent := f.MantExp(nil); f.IsInf() || exponent > maxExponent || exponent < -maxExponent {
		r.diags.Errorf(rng, "", "Out of range", "This number is infinite, or too large or too small for anything here.")
		return nil
	}
	text, err := convert.Convert(val, cty.String)
	if err != nil {
		panic("a number has no text: " + err.Error())
	}
	return &value{kind: numberKind, text: text.AsString(), rng: rng}
}

// maxExponent bounds numbers to those of a 64-bit float, so that their text stays short.
const maxExponent = 1024
