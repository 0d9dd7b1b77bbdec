package resource

import (
	"reflect"
	"sort"

	"pgregory.net/rapid"
)

// randomSpec draws a spec in normal form in which any attribute may be set.
func randomSpec(t *rapid.T, k Kind, label string) Spec {
	s := NewSpec(k)
	for _, a := range k.Attributes() {
		if rapid.Bool().Draw(t, label+" sets "+a.Name) {
			setRandom(t, a, a.Field(reflect.ValueOf(s)))
		}
	}
	return s
}

// text is a text of a user: any but the empty one, with all characters that are special in JSON, YAML and terminals.
func text() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-c]{1,2}`),
		rapid.SampledFrom([]string{"true", "null", "1", "0x1f", "~", "- a", "a: b", "a=b", "é", "\u2028", "<&>", "\"", "\\", "\n", "\t", "\x00", "#x", " x "}),
	)
}

func setRandom(t *rapid.T, a *Attribute, v reflect.Value) {
	switch a.Type {
	case TypeString:
		v.SetString(text().Draw(t, a.Name))
	case TypeBool:
		v.SetBool(rapid.Bool().Draw(t, a.Name))
	case TypeInt, TypeBytes:
		n := rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(0, 1<<62)).Draw(t, a.Name)
		if v.Kind() == reflect.Pointer {
			v.Set(reflect.ValueOf(&n))
		} else {
			v.SetInt(n)
		}
	case TypeFloat:
		v.SetFloat(rapid.OneOf(rapid.SampledFrom([]float64{0.5, 1, 2}), rapid.Float64Range(0.01, 8192)).Draw(t, a.Name))
	case TypeList:
		v.Set(reflect.ValueOf(rapid.SliceOfN(text(), 1, 3).Draw(t, a.Name)))
	case TypeSet:
		members := rapid.SliceOfNDistinct(text(), 1, 3, rapid.ID).Draw(t, a.Name)
		sort.Strings(members)
		v.Set(reflect.ValueOf(members))
	case TypeMap, TypePairs:
		m := rapid.MapOfN(rapid.StringMatching(`[a-zA-Z_.]{1,2}`), text(), 1, 3).Draw(t, a.Name)
		v.Set(reflect.ValueOf(m).Convert(v.Type()))
	case TypeObject:
		object := reflect.New(v.Type().Elem())
		for _, f := range a.Fields {
			if rapid.Bool().Draw(t, a.Name+" sets "+f.Name) {
				setRandom(t, f, f.Field(object))
			}
		}
		if !object.Elem().IsZero() {
			v.Set(object)
		}
	case TypeObjects:
		for _, key := range rapid.SliceOfNDistinct(text(), 1, 3, rapid.ID).Draw(t, a.Name) {
			element := reflect.New(v.Type().Elem()).Elem()
			for _, f := range a.Fields {
				if f.Name == a.Key {
					f.Field(element).SetString(key)
				} else if f.Required || rapid.Bool().Draw(t, a.Name+" sets "+f.Name) {
					setRandom(t, f, f.Field(element))
				}
			}
			v.Set(reflect.Append(v, element))
		}
		key := FindAttribute(a.Fields, a.Key)
		sort.Slice(v.Interface(), func(i, j int) bool {
			return key.Field(v.Index(i)).String() < key.Field(v.Index(j)).String()
		})
	default:
		t.Fatalf("attribute %s: no random value for type %q", a.Name, a.Type)
	}
}
