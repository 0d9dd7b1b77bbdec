package eval

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// Repetition holds the repetitions of a block by for_each or count: a scope for each.
type Repetition struct {
	Scopes []*Scope
	// Keys are the strings of for_each or the numbers of count; nil without both.
	Keys []cty.Value
	// list says that it is count.
	list bool
	// unknown says that nothing is known of the keys: there is one scope, for all instances.
	unknown bool
	// places holds the index of each key, once it is asked for.
	places map[string]int
}

// find returns the indices of those of the keys that there are, in their order.
func (r *Repetition) find(keys []cty.Value) []int {
	if r.places == nil {
		r.places = map[string]int{}
		for i, key := range r.Keys {
			if !r.list {
				r.places[key.AsString()] = i
			} else {
				r.places[fmt.Sprint(i)] = i
			}
		}
	}
	var found []int
	for _, key := range keys {
		text, err := convert.Convert(key, cty.String)
		if err != nil || text.IsNull() || !text.IsKnown() {
			continue
		}
		if i, ok := r.places[text.AsString()]; ok && !slices.Contains(found, i) {
			found = append(found, i)
		}
	}
	slices.Sort(found)
	return found
}

// suffix returns the end of the address of the instance at i.
func (r *Repetition) suffix(i int) string {
	switch {
	case r.Keys == nil:
		return ""
	case r.list:
		return fmt.Sprintf("[%d]", i)
	}
	return fmt.Sprintf("[%q]", r.Keys[i].AsString())
}

// collect returns the values of the instances as references see them.
func (r *Repetition) collect(values []cty.Value) cty.Value {
	switch {
	case r.unknown:
		return cty.DynamicVal
	case r.Keys == nil:
		return values[0]
	case r.list:
		return cty.TupleVal(values)
	}
	members := map[string]cty.Value{}
	for i, key := range r.Keys {
		members[key.AsString()] = values[i]
	}
	return cty.ObjectVal(members)
}

// maxInstances bounds the number of instances of all blocks together.
const maxInstances = 10000

// Repeat evaluates for_each or count of a block in the scope s.
func (e *Evaluator) Repeat(body *hclsyntax.Body, s *Scope) (Repetition, bool) {
	each, count := body.Attributes["for_each"], body.Attributes["count"]
	switch {
	case each != nil && count != nil:
		e.diags.Errorf(source.RangeOf(count.NameRange), "", "Unsupported argument", "A block has for_each or count, not both. Remove one of them.")
		return Repetition{}, false
	case each != nil:
		return e.forEach(each, s)
	case count != nil:
		return e.counts(count, s)
	}
	return Repetition{Scopes: []*Scope{s}}, e.room(1, source.RangeOf(body.Range()))
}

// room reports whether n more instances fit in, or complains that they don't.
func (e *Evaluator) room(n int, at resource.Range) bool {
	// One block that makes too many by itself takes no room from the others, in which more may be wrong.
	if n > maxInstances || e.count+n > maxInstances {
		if e.count <= maxInstances { // once is enough
			e.diags.Errorf(at, "", "Too many instances", "This makes more than %d instances of blocks, the most there may be.", maxInstances)
		}
		if n <= maxInstances {
			e.count = maxInstances + 1
		}
		return false
	}
	e.count += n
	return true
}

func (e *Evaluator) counts(attr *hclsyntax.Attribute, s *Scope) (Repetition, bool) {
	at := source.RangeOf(attr.Expr.Range())
	val, ok := e.Settled(attr.Expr, s, "count")
	if !ok && e.options.Unassigned && !val.IsWhollyKnown() {
		index := cty.ObjectVal(map[string]cty.Value{"index": cty.UnknownVal(cty.Number).RefineNotNull()})
		return Repetition{unknown: true, Scopes: []*Scope{s.with("count", index)}}, true
	}
	if !ok {
		return Repetition{}, false
	}
	number, err := convert.Convert(val, cty.Number)
	if err != nil || number.IsNull() {
		e.diags.Errorf(at, "", "Invalid count", "count must be a whole number, but this is %s.", described(val))
		return Repetition{}, false
	}
	n, accuracy := number.AsBigFloat().Int64()
	if accuracy != 0 && !number.AsBigFloat().IsInf() && number.AsBigFloat().IsInt() {
		n = maxInstances + 1
	}
	if n < 0 || !number.AsBigFloat().IsInt() {
		e.diags.Errorf(at, "", "Invalid count", "count must be a whole number, 0 or more.")
		return Repetition{}, false
	}
	if !e.room(int(min(n, maxInstances+1)), at) {
		return Repetition{}, false
	}
	r := Repetition{list: true, Keys: []cty.Value{}}
	for i := range n {
		index := cty.NumberIntVal(i)
		r.Keys = append(r.Keys, index)
		r.Scopes = append(r.Scopes, s.with("count", cty.ObjectVal(map[string]cty.Value{"index": index})))
	}
	return r, true
}

func (e *Evaluator) forEach(attr *hclsyntax.Attribute, s *Scope) (Repetition, bool) {
	keys, values, ok := e.elements(attr.Expr, s, false)
	if !ok && e.options.Unassigned && keys != nil {
		each := cty.ObjectVal(map[string]cty.Value{"key": cty.UnknownVal(cty.String).RefineNotNull(), "value": cty.DynamicVal})
		return Repetition{unknown: true, Scopes: []*Scope{s.with("each", each)}}, true
	}
	if !ok || !e.room(len(keys), source.RangeOf(attr.Expr.Range())) {
		return Repetition{}, false
	}
	r := Repetition{Keys: keys}
	if r.Keys == nil {
		r.Keys = []cty.Value{}
	}
	for i, key := range keys {
		r.Scopes = append(r.Scopes, s.with("each", cty.ObjectVal(map[string]cty.Value{"key": key, "value": values[i]})))
	}
	return r, true
}

// elements returns the keys and values of a for_each: of a map, an object or a set of strings, or where lists is set also of
// a list, whose keys are numbers. Of a configuration without the values of its variables they may be unknown: then keys is
// empty, not nil, and ok is false.
func (e *Evaluator) elements(expr hclsyntax.Expression, s *Scope, lists bool) (keys, values []cty.Value, ok bool) {
	at := source.RangeOf(expr.Range())
	val, ok := e.evaluate(expr, s)
	if !ok {
		return nil, nil, false
	}
	outer, _ := val.Unmark()
	switch {
	case keysSensitive(val):
		e.diags.Errorf(at, "", "Sensitive value", "for_each would show a sensitive value in the names of its instances. Go over something that isn't sensitive, and look the values up by its keys; or write nonsensitive(…) if the keys are no secrets.")
		return nil, nil, false
	case !outer.IsKnown() && e.options.Unassigned:
		e.partial = true
		return []cty.Value{}, nil, false
	case !outer.IsKnown():
		e.diags.Errorf(at, "", "Unknown value", "for_each depends on something that only planning works out, such as an address. Go over values that are known before.")
		return nil, nil, false
	case outer.IsNull():
		e.diags.Errorf(at, "", "Invalid for_each", "for_each is null. To make nothing, write {}.")
		return nil, nil, false
	}
	ty := outer.Type()
	sequence := ty.IsListType() || ty.IsTupleType()
	switch {
	case ty.IsMapType(), ty.IsObjectType(), ty.IsSetType() && (ty.ElementType() == cty.String || outer.LengthInt() == 0), lists && (sequence || ty.IsSetType()):
	default:
		hint := "Write a map, or a set of strings."
		if sequence || ty.IsSetType() {
			hint = "Write toset(…) around a list of strings, or a map."
		}
		e.diags.Errorf(at, "", "Invalid for_each", "for_each can't go over a value of the type %s: the names of its instances come from the keys. %s", ty.FriendlyName(), hint)
		return nil, nil, false
	}
	for it := outer.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if ty.IsSetType() {
			key = value
		}
		if !key.IsKnown() && e.options.Unassigned {
			e.partial = true
			return []cty.Value{}, nil, false
		}
		if !key.IsKnown() || key.IsNull() {
			e.diags.Errorf(at, "", "Unknown value", "A member of for_each is null, or known only once planning has worked it out. Use values that are known before.")
			return nil, nil, false
		}
		keys, values = append(keys, key), append(values, value)
	}
	return keys, values, true
}

// keysSensitive reports whether the keys of val, and not only values in it, are sensitive.
func keysSensitive(val cty.Value) bool {
	if val.IsMarked() {
		return true
	}
	ty := val.Type()
	return ty.IsSetType() && functions.IsSensitive(val)
}

// Instance returns the instance with the key, cty.NilVal for none, or nil.
func (g *Group) Instance(key cty.Value) *Instance {
	if g.Each.Keys == nil || key == cty.NilVal {
		if g.Each.Keys == nil && key == cty.NilVal {
			return g.instances[0]
		}
		return nil
	}
	if i := g.Each.find([]cty.Value{key}); len(i) > 0 {
		return g.instances[i[0]]
	}
	return nil
}
