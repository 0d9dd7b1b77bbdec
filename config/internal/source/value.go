package source

import (
	"fmt"
	"slices"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
)

// Shape is the shape of a value as it was written.
type Shape int

// The shapes.
const (
	Null Shape = iota
	Bool
	Number
	String
	List
	Object
	// Unknown is the shape of a value that is known only once it is planned.
	Unknown
)

// Value is one value of a source file, whatever its spelling, and the place it was written at.
type Value struct {
	Shape Shape
	// Text is a scalar's text: the source's own for numbers and booleans.
	Text   string
	Items  []*Value
	Fields []Field
	// Blocks marks a list of repeated HCL blocks.
	Blocks bool
	// Sensitive marks a value that must not be shown or stored.
	Sensitive bool
	Range     resource.Range
}

// Field is one named member of an object, in the order of the source.
type Field struct {
	Name  string
	At    resource.Range // of the name
	Value *Value
}

// Take removes the first field called name from the object v and returns its value, or nil where there is none
// or it is null.
func (v *Value) Take(name string) *Value {
	for i, f := range v.Fields {
		if f.Name == name {
			v.Fields = append(v.Fields[:i:i], v.Fields[i+1:]...)
			if f.Value.Shape == Null {
				return nil
			}
			return f.Value
		}
	}
	return nil
}

// has reports whether v, or anything in it, is as is says.
func (v *Value) has(is func(*Value) bool) bool {
	return is(v) || slices.ContainsFunc(v.Items, func(item *Value) bool { return item.has(is) }) ||
		slices.ContainsFunc(v.Fields, func(f Field) bool { return f.Value.has(is) })
}

// HoldsUnknown reports whether v or a member of it is unknown until it is planned.
func (v *Value) HoldsUnknown() bool { return v.has(func(v *Value) bool { return v.Shape == Unknown }) }

// HoldsSensitive reports whether v or a member of it is sensitive.
func (v *Value) HoldsSensitive() bool { return v.has(func(v *Value) bool { return v.Sensitive }) }

// Describe returns a few words about v, for messages.
func (v *Value) Describe() string {
	if v.Sensitive {
		return "a sensitive value"
	}
	switch v.Shape {
	case Null:
		return "nothing"
	case Bool:
		return "the boolean " + message.Shorten(v.Text)
	case Number:
		return "the number " + message.Shorten(v.Text)
	case String:
		return fmt.Sprintf("the string %q", message.Shorten(v.Text))
	case List:
		if v.Blocks {
			return "a block"
		}
		return "a list"
	default:
		return "an object"
	}
}

// Scalar reports whether v is a string, number or boolean.
func (v *Value) Scalar() bool {
	return v.Shape == String || v.Shape == Number || v.Shape == Bool
}
