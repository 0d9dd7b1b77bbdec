package resource

import (
	"reflect"
	"strconv"
	"strings"
)

// Ignoring returns want with the values of have at the given names, which are names of [Lifecycle.IgnoreChanges].
func Ignoring(want, have Spec, names []string) Spec {
	result := reflect.New(reflect.TypeOf(want).Elem())
	result.Elem().Set(reflect.ValueOf(want).Elem())
	for _, name := range names {
		if name == "*" {
			return have
		}
		copyValue(want.Kind().Attributes(), result, reflect.ValueOf(have), name)
	}
	return result.Interface().(Spec)
}

// copyValue copies the value at name from the struct from to the struct into.
func copyValue(attrs []*Attribute, into, from reflect.Value, name string) {
	word, rest := name, ""
	if i := strings.IndexAny(name, ".["); i >= 0 {
		word, rest = name[:i], name[i:]
	}
	a := FindAttribute(attrs, word)
	if a == nil {
		return
	}
	to, of := a.Field(into), a.Field(from)
	switch {
	case rest == "":
		to.Set(of)
	case rest[0] == '[':
		key, err := strconv.Unquote(strings.TrimSuffix(rest[1:], "]"))
		if err == nil && to.Kind() == reflect.Map {
			copyMember(to, of, reflect.ValueOf(key))
		}
	case a.Type == TypeObject:
		copied := reflect.New(to.Type().Elem())
		if !to.IsNil() {
			copied.Elem().Set(to.Elem())
		}
		source := of
		if of.IsNil() {
			source = reflect.New(of.Type().Elem())
		}
		copyValue(a.Fields, copied, source, rest[1:])
		to.Set(copied)
		if copied.Elem().IsZero() {
			to.SetZero()
		}
	}
}

// copyMember copies the member at key from one map to a copy of the other.
func copyMember(into, from, key reflect.Value) {
	members := reflect.MakeMap(into.Type())
	for it := into.MapRange(); it.Next(); {
		members.SetMapIndex(it.Key(), it.Value())
	}
	members.SetMapIndex(key, reflect.Value{})
	if value := from.MapIndex(key); value.IsValid() {
		members.SetMapIndex(key, value)
	}
	if members.Len() == 0 {
		into.SetZero()
		return
	}
	into.Set(members)
}
