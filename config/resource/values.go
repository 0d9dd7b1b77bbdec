package resource

import "reflect"

// SensitiveValue replaces a text that must not be shown.
const SensitiveValue = "(sensitive value)"

// Values returns the attributes of s by their names in HCL, in the types of JSON: all of them, nil where one is not set, but
// false, an empty list or an empty map for those types. A value that must not be shown, see [Leaf.Withheld], is
// [SensitiveValue], and a list with a sensitive element holds only that. sensitive has true in its place, and nothing for others.
func Values(s Spec) (values, sensitive map[string]any) {
	return objectValues(s.Kind().Attributes(), reflect.ValueOf(s), false)
}

func objectValues(fields []*Attribute, of reflect.Value, withhold bool) (values, sensitive map[string]any) {
	values, sensitive = make(map[string]any, len(fields)), map[string]any{}
	for _, a := range fields {
		value, mask := a.value(a.Field(of), withhold || a.Sensitive)
		values[a.HCLName] = value
		if mask != nil {
			sensitive[a.HCLName] = mask
		}
	}
	return values, sensitive
}

// value returns the value of the attribute, and where it is withheld: true, or an object or a list that has true somewhere. The
// second is nil where nothing is withheld.
func (a *Attribute) value(v reflect.Value, withhold bool) (value, sensitive any) {
	switch a.Type {
	case TypeBool:
		return v.Bool(), nil
	case TypeList, TypeSet:
		return listValue(v, withhold)
	case TypeMap, TypePairs:
		return mapValue(v, withhold)
	case TypeObject:
		if v.IsNil() {
			return nil, nil
		}
		values, mask := objectValues(a.Fields, v, withhold)
		if len(mask) == 0 {
			return values, nil
		}
		return values, mask
	case TypeObjects:
		return a.objects(v, withhold)
	}
	if v.IsZero() {
		return nil, nil
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() == reflect.String {
		return textValue(v.String(), withhold)
	}
	if withhold {
		return SensitiveValue, true
	}
	return v.Interface(), nil
}

func textValue(text string, withhold bool) (value, sensitive any) {
	if withhold || IsSealed(text) {
		return SensitiveValue, true
	}
	return text, nil
}

func listValue(v reflect.Value, withhold bool) (value, sensitive any) {
	items := make([]any, 0, v.Len())
	for i := range v.Len() {
		item, mask := textValue(v.Index(i).String(), withhold)
		if mask != nil {
			return []any{SensitiveValue}, true
		}
		items = append(items, item)
	}
	return items, nil
}

func mapValue(v reflect.Value, withhold bool) (value, sensitive any) {
	values, masks := make(map[string]any, v.Len()), map[string]any{}
	for it := v.MapRange(); it.Next(); {
		item, mask := textValue(it.Value().String(), withhold)
		values[it.Key().String()] = item
		if mask != nil {
			masks[it.Key().String()] = mask
		}
	}
	if len(masks) == 0 {
		return values, nil
	}
	return values, masks
}

func (a *Attribute) objects(v reflect.Value, withhold bool) (value, sensitive any) {
	items, masks, withheld := make([]any, 0, v.Len()), make([]any, 0, v.Len()), false
	for i := range v.Len() {
		item, mask := objectValues(a.Fields, v.Index(i), withhold)
		items, masks, withheld = append(items, item), append(masks, mask), withheld || len(mask) > 0
	}
	if !withheld {
		return items, nil
	}
	return items, masks
}
