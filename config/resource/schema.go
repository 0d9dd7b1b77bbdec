package resource

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// Type is the shape of an attribute's value.
type Type string

// The types, with the Go type that holds each.
const (
	TypeString  Type = "string"  // string, or a type made of it
	TypeBool    Type = "bool"    // bool
	TypeInt     Type = "int"     // int64 or *int64
	TypeFloat   Type = "float"   // float64
	TypeBytes   Type = "bytes"   // int64; written as a number of bytes or as "64MiB"
	TypeList    Type = "list"    // []string, the order counts
	TypeSet     Type = "set"     // []string in any order: sorted, without doubles
	TypeMap     Type = "map"     // map[string]string
	TypePairs   Type = "pairs"   // Env; a list of NAME=value or a map
	TypeObject  Type = "object"  // pointer to struct; one nested block in HCL
	TypeObjects Type = "objects" // slice of struct, keyed by one of its fields, sorted by it; repeated blocks in HCL
)

// Effect is the effect of a changed attribute on an existing resource.
type Effect string

// The effects.
const (
	// Replace: the resource is deleted and created again.
	Replace Effect = "replace"
	// Live: the running resource is updated in place.
	Live Effect = "live"
	// Recorded: only the record changes; the value is used when the resource is next started or stopped.
	Recorded Effect = "recorded"
)

// NoMax is the upper bound of numbers that have only a lower one.
const NoMax = 1 << 62

// Attribute describes one field of a spec, or of an object in it.
type Attribute struct {
	// Name is the manifest's (camelCase) name.
	Name string
	// HCLName is the snake_case name of the argument or block.
	HCLName   string
	Type      Type
	Effect    Effect
	Required  bool
	Sensitive bool
	// Either says that exactly one of the fields of an object that say so is set.
	Either bool
	// Short says, for TypeObjects, that an element may be written as its key alone.
	Short bool
	// Early says that planning derives addresses from the attribute, so that its value can't refer to them.
	Early bool
	// Alias says that the attribute is another spelling of others: it is empty in normal form.
	Alias bool
	// Default is the value of an absent attribute, as text; empty for the zero value.
	Default string
	// Check names the rule a value must keep beyond its type ("abspath", "port", …), or is empty.
	Check string
	// Min and Max bound a number, where HasRange; Max is NoMax where only Min does.
	Min, Max float64
	HasRange bool
	// Unlimited says that [Unlimited], which is outside of the range, is a valid value.
	Unlimited bool
	// Key is, for TypeObjects, the manifest name of the field that identifies an element.
	Key string
	// Fields describes the members, for TypeObject and TypeObjects.
	Fields []*Attribute
	Doc    string

	index []int
}

// Field returns the field of the struct (or pointer to struct) that a describes, settable if it can be set.
func (a *Attribute) Field(of reflect.Value) reflect.Value {
	if of.Kind() == reflect.Interface || of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	return of.FieldByIndex(a.index)
}

var schemas = sync.OnceValue(func() map[Kind][]*Attribute {
	m := make(map[Kind][]*Attribute, len(AllKinds))
	for _, k := range AllKinds {
		m[k] = attributesOf(reflect.TypeOf(NewSpec(k)).Elem(), nil)
	}
	return m
})

// Attributes returns the attributes of the kind in the order they are documented. The slice is shared:
// don't change it.
func (k Kind) Attributes() []*Attribute { return schemas()[k] }

// Attribute returns the attribute of k with the given manifest name, or nil.
func (k Kind) Attribute(name string) *Attribute { return FindAttribute(k.Attributes(), name) }

// FindAttribute returns the attribute with the given manifest name, or nil.
func FindAttribute(attrs []*Attribute, name string) *Attribute {
	for _, a := range attrs {
		if a.Name == name {
			return a
		}
	}
	return nil
}

func attributesOf(t reflect.Type, prefix []int) []*Attribute {
	var attrs []*Attribute
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int(nil), prefix...), i)
		if f.Anonymous {
			attrs = append(attrs, attributesOf(f.Type, index)...)
			continue
		}
		attrs = append(attrs, attributeOf(f, index))
	}
	return attrs
}

func attributeOf(f reflect.StructField, index []int) *Attribute {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	a := &Attribute{Name: name, HCLName: snakeCase(name), Type: typeOf(f.Type), Doc: f.Tag.Get("doc"), index: index}
	for _, flag := range strings.Split(f.Tag.Get("kuke"), ",") {
		key, value, _ := strings.Cut(flag, "=")
		switch key {
		case "replace", "live", "recorded":
			a.Effect = Effect(key)
		case "required":
			a.Required = true
		case "sensitive":
			a.Sensitive = true
		case "either":
			a.Either = true
		case "short":
			a.Short = true
		case "unlimited":
			a.Unlimited = true
		case "alias":
			a.Alias = true
		case "early":
			a.Early = true
		case "default":
			a.Default = value
		case "check":
			a.Check = value
		case "type":
			a.Type = Type(value)
		case "block":
			a.HCLName = value
		case "key":
			a.Key = value
		case "min":
			a.Min, a.HasRange, a.Max = mustFloat(value), true, NoMax
		case "max":
			a.Max = mustFloat(value)
		default:
			panic(fmt.Sprintf("resource: field %s: unknown flag %q", f.Name, flag))
		}
	}
	switch a.Type {
	case TypeObject, TypeObjects:
		a.Fields = attributesOf(f.Type.Elem(), nil)
	}
	return a
}

func mustFloat(s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic("resource: " + err.Error())
	}
	return f
}

func typeOf(t reflect.Type) Type {
	switch t.Kind() {
	case reflect.String:
		return TypeString
	case reflect.Bool:
		return TypeBool
	case reflect.Int64:
		return TypeInt
	case reflect.Float64:
		return TypeFloat
	case reflect.Map:
		return TypeMap
	case reflect.Pointer:
		if t.Elem().Kind() == reflect.Int64 {
			return TypeInt
		}
		return TypeObject
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			return TypeObjects
		}
		return TypeList
	}
	panic("resource: no attribute type for " + t.String())
}

// snakeCase turns readOnlyRootFilesystem into read_only_root_filesystem.
func snakeCase(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
