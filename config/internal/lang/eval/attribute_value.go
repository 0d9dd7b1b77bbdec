package eval

import (
	"reflect"

	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/resource"
)

// ctyOf returns the value of an attribute, null where it isn't set.
func ctyOf(a *resource.Attribute, v reflect.Value) cty.Value {
	ty := ctyType(a)
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return cty.NullVal(ty)
		}
		v = v.Elem()
		if a.Type != resource.TypeObject {
			return cty.NumberIntVal(v.Int())
		}
	}
	switch a.Type {
	case resource.TypeBool:
		return cty.BoolVal(v.Bool())
	case resource.TypeObject:
		return ctyObject(a.Fields, v)
	case resource.TypeList, resource.TypeSet:
		if v.Len() == 0 {
			return cty.ListValEmpty(cty.String)
		}
		var items []cty.Value
		for i := range v.Len() {
			items = append(items, cty.StringVal(v.Index(i).String()))
		}
		return cty.ListVal(items)
	case resource.TypeMap, resource.TypePairs:
		if v.Len() == 0 {
			return cty.MapValEmpty(cty.String)
		}
		members := map[string]cty.Value{}
		for it := v.MapRange(); it.Next(); {
			members[it.Key().String()] = cty.StringVal(it.Value().String())
		}
		return cty.MapVal(members)
	case resource.TypeObjects:
		if v.Len() == 0 {
			return cty.ListValEmpty(ty.ElementType())
		}
		var items []cty.Value
		for i := range v.Len() {
			items = append(items, ctyObject(a.Fields, v.Index(i)))
		}
		return cty.ListVal(items)
	}
	if v.IsZero() {
		return cty.NullVal(ty)
	}
	switch a.Type {
	case resource.TypeInt, resource.TypeBytes:
		return cty.NumberIntVal(v.Int())
	case resource.TypeFloat:
		return cty.NumberFloatVal(v.Float())
	}
	return cty.StringVal(v.String())
}

func ctyObject(fields []*resource.Attribute, v reflect.Value) cty.Value {
	members := map[string]cty.Value{}
	for _, f := range fields {
		members[f.HCLName] = ctyOf(f, f.Field(v))
	}
	return cty.ObjectVal(members)
}

func ctyType(a *resource.Attribute) cty.Type {
	object := func() cty.Type {
		members := map[string]cty.Type{}
		for _, f := range a.Fields {
			members[f.HCLName] = ctyType(f)
		}
		return cty.Object(members)
	}
	switch a.Type {
	case resource.TypeBool:
		return cty.Bool
	case resource.TypeInt, resource.TypeBytes, resource.TypeFloat:
		return cty.Number
	case resource.TypeList, resource.TypeSet:
		return cty.List(cty.String)
	case resource.TypeMap, resource.TypePairs:
		return cty.Map(cty.String)
	case resource.TypeObject:
		return object()
	case resource.TypeObjects:
		return cty.List(object())
	}
	return cty.String
}
