package resource

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// Leaf is one comparable value of a spec: a scalar, an ordered list, or one member of a set, a map or a
// keyed collection.
type Leaf struct {
	// Name is the address within the resource, in manifest spelling: image, env["HOST"], resources.memory,
	// volumes["/data"].source, capabilities.add["NET_ADMIN"].
	Name string
	// Attribute is the innermost attribute described; its Effect holds.
	Attribute *Attribute
	// Top is the attribute of the spec that contains the value.
	Top *Attribute
	// Value is a string, bool, int64, float64 or []string; true for a member of a set.
	Value any
}

// Leaves returns the leaves of s that are set, ordered as the attributes are and by key within one.
// Two specs of one kind in normal form are equal exactly if their leaves are.
func Leaves(s Spec) []Leaf {
	w := leafWalk{}
	for _, a := range s.Kind().Attributes() {
		w.top = a
		w.value(a, a.Name, a.Field(reflect.ValueOf(s)))
	}
	return w.leaves
}

type leafWalk struct {
	top    *Attribute
	leaves []Leaf
}

func (w *leafWalk) add(a *Attribute, name string, value any) {
	w.leaves = append(w.leaves, Leaf{Name: name, Attribute: a, Top: w.top, Value: value})
}

func (w *leafWalk) value(a *Attribute, name string, v reflect.Value) {
	if v.IsZero() || (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0 {
		return
	}
	switch a.Type {
	case TypeSet:
		for i := range v.Len() {
			w.add(a, fmt.Sprintf("%s[%q]", name, v.Index(i).String()), true)
		}
	case TypeList:
		w.add(a, name, v.Interface())
	case TypeMap, TypePairs:
		keys := v.MapKeys()
		sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
		for _, key := range keys {
			w.add(a, fmt.Sprintf("%s[%q]", name, key.String()), v.MapIndex(key).String())
		}
	case TypeObject:
		for _, f := range a.Fields {
			w.value(f, name+"."+f.Name, f.Field(v))
		}
	case TypeObjects:
		key := FindAttribute(a.Fields, a.Key)
		for i := range v.Len() {
			element := fmt.Sprintf("%s[%q]", name, key.Field(v.Index(i)).String())
			w.add(a, element, true)
			for _, f := range a.Fields {
				if f != key {
					w.value(f, element+"."+f.Name, f.Field(v.Index(i)))
				}
			}
		}
	case TypeString:
		w.add(a, name, v.String())
	default:
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		w.add(a, name, v.Interface())
	}
}

// LeafAttribute returns the innermost attribute of the leaf with the given name, see [Leaf], and the leaf's name in HCL:
// resources.memory_swap, volume["/data"].read_only. It returns nil for a name that is no leaf of the kind.
func (k Kind) LeafAttribute(name string) (a *Attribute, hclName string) {
	for fields := k.Attributes(); ; fields = a.Fields {
		word, rest := name, ""
		if end := strings.IndexAny(name, ".["); end >= 0 {
			word, rest = name[:end], name[end:]
		}
		if a = FindAttribute(fields, word); a == nil {
			return nil, ""
		}
		hclName += a.HCLName
		if strings.HasPrefix(rest, "[") {
			key, err := strconv.QuotedPrefix(rest[1:])
			if err != nil || !strings.HasPrefix(rest[1+len(key):], "]") {
				return nil, ""
			}
			end := len(key) + len("[]")
			hclName, rest = hclName+rest[:end], rest[end:]
		}
		if rest == "" {
			return a, hclName
		}
		if rest[0] != '.' {
			return nil, ""
		}
		hclName, name = hclName+".", rest[1:]
	}
}

// CreationDigest returns a digest ("sha256:" and 64 hexadecimal digits) of the values of s whose change replaces the
// resource: updates in place keep it.
func CreationDigest(s Spec) string {
	type entry struct {
		Name  string
		Value any
	}
	var entries []entry
	for _, leaf := range Leaves(s) {
		if leaf.Attribute.Effect == Replace {
			entries = append(entries, entry{leaf.Name, leaf.Value})
		}
	}
	data, err := json.Marshal(entries)
	if err != nil {
		panic("resource: encode leaves: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
