package resource

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// TestValues makes sure that every attribute has a value, and that no sealed text is shown, wherever it may be.
func TestValues(t *testing.T) {
	for _, k := range Kinds {
		values, sensitive := Values(NewSpec(k))
		if len(values) != len(k.Attributes()) || len(sensitive) != 0 {
			t.Errorf("%s: %d values, %v withheld", k, len(values), sensitive)
		}
		for name, value := range values {
			if v := reflect.ValueOf(value); v.IsValid() && v.Kind() == reflect.Slice && v.IsNil() {
				t.Errorf("%s: %s is a null list", k, name)
			}
		}
	}
	sealed := SealKey("key").Seal("hunter2")
	for _, a := range KindContainer.Attributes() {
		spec := NewSpec(KindContainer)
		if !seal(a, a.Field(reflect.ValueOf(spec)), sealed) {
			continue
		}
		values, sensitive := Values(spec)
		data, err := json.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "sealed:") || !strings.Contains(string(data), SensitiveValue) || sensitive[a.HCLName] == nil {
			t.Errorf("%s: %s, withheld %v", a.Name, data, sensitive)
		}
	}
}

// seal puts a sealed text in a value, if that can hold a text.
func seal(a *Attribute, v reflect.Value, sealed string) bool {
	switch a.Type {
	case TypeString:
		v.SetString(sealed)
	case TypeList, TypeSet:
		v.Set(reflect.ValueOf([]string{"plain", sealed}))
	case TypeMap, TypePairs:
		v.Set(reflect.ValueOf(map[string]string{"k": sealed}).Convert(v.Type()))
	case TypeObject:
		v.Set(reflect.New(v.Type().Elem()))
		return seal(a.Fields[0], a.Fields[0].Field(v), sealed)
	case TypeObjects:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		return seal(a.Fields[len(a.Fields)-1], a.Fields[len(a.Fields)-1].Field(v.Index(0)), sealed)
	default:
		return false
	}
	return true
}
