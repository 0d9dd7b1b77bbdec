package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
)

// kind is the shape of a value as it was written.
type kind int

const (
	nullKind kind = iota
	boolKind
	numberKind
	stringKind
	listKind
	objectKind
	// unknownKind is what only planning works out.
	unknownKind
)

// value is one value of a source file, whatever its spelling, and the place it was written at.
type value struct {
	kind kind
	// text is a scalar's text: the source's own for numbers and booleans.
	text   string
	items  []*value
	fields []field
	// blocks marks a list that stands for repeated HCL blocks.
	blocks bool
	// sensitive marks what must not be shown or stored.
	sensitive bool
	rng       resource.Range
}

// field is one named member of an object, in the order of the source.
type field struct {
	name  string
	at    resource.Range // of the name
	value *value
}

// take removes the first field called name from the object v and returns its value, or nil where there is none
// or it is null.
func (v *value) take(name string) *value {
	for i, f := range v.fields {
		if f.name == name {
			v.fields = append(v.fields[:i:i], v.fields[i+1:]...)
			if f.value.kind == nullKind {
				return nil
			}
			return f.value
		}
	}
	return nil
}

// has reports whether v, or anything in it, is as is says.
func (v *value) has(is func(*value) bool) bool {
	return is(v) || slices.ContainsFunc(v.items, func(item *value) bool { return item.has(is) }) ||
		slices.ContainsFunc(v.fields, func(f field) bool { return f.value.has(is) })
}

// unknown reports whether something in v is known only once planning has worked it out.
func (v *value) unknown() bool { return v.has(func(v *value) bool { return v.kind == unknownKind }) }

// secret reports whether something in v is sensitive.
func (v *value) secret() bool { return v.has(func(v *value) bool { return v.sensitive }) }

// describe says in a few words what v is, for messages.
func (v *value) describe() string {
	if v.sensitive {
		return "a sensitive value"
	}
	switch v.kind {
	case nullKind:
		return "nothing"
	case boolKind:
		return "the boolean " + message.Shorten(v.text)
	case numberKind:
		return "the number " + message.Shorten(v.text)
	case stringKind:
		return fmt.Sprintf("the string %q", message.Shorten(v.text))
	case listKind:
		if v.blocks {
			return "a block"
		}
		return "a list"
	default:
		return "an object"
	}
}

// format is one of the spellings a configuration can have.
type format struct {
	// field is what the format calls a named member.
	field string
	// attribute returns the name of an attribute in this format.
	attribute func(*resource.Attribute) string
	// lax says that numbers, booleans and strings turn into each other where one is wanted and another is
	// written, as HCL's users expect. Otherwise only the values of maps do.
	lax bool
	// rootID is the field by which a cell names its root container.
	rootID string
	// reserved are the names that are fields of every body besides the attributes, for suggestions.
	reserved func(resource.Kind) []string
}

// declaration is one resource as it was written.
type declaration struct {
	kind   resource.Kind
	format *format
	// path is empty where the name, or a name above, is wrong; that has been reported then.
	path     resource.Path
	declared resource.Range
	external bool
	// body holds the attributes, labels those of a manifest's metadata, or nil.
	body, labels *value
	// rootID is the name of a cell's root container where it is given, or nil.
	rootID    *value
	lifecycle *resource.Lifecycle

	// incomplete says that something is left out that only planning works out.
	incomplete bool
	// decoded is what is written, resource the same once it is in the tree.
	decoded, resource *resource.Resource
	// unsettled says of a container that which one is the root of its cell is not written: only planning knows it.
	unsettled bool
}

// scalar reports whether v is a string, number or boolean.
func (v *value) scalar() bool {
	return v.kind == stringKind || v.kind == numberKind || v.kind == boolKind
}

// childPath returns the path of what is called name below parent, or reports what is wrong with the name and
// returns the empty path. An empty parent that isn't a realm's leaves the path empty too.
func childPath(diags *resource.Diagnostics, kind resource.Kind, parent resource.Path, name *value) resource.Path {
	if err := resource.CheckName(name.text); err != nil {
		diags.Errorf(name.rng, "", "Invalid name", "%s.%s", message.Sentence(err.Error()), validName(name.text))
		return ""
	}
	if parent == "" && kind != resource.KindRealm {
		return ""
	}
	return parent.Join(name.text)
}

// validName proposes a name close to s, as a sentence with a space before it, or returns "".
func validName(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) {
		return ""
	}
	name := strings.Join(nameParts(s), "-")
	if name == s || resource.CheckName(name) != nil {
		return ""
	}
	return fmt.Sprintf(" For example: %q.", name)
}

// nameParts returns the longest parts of s, in lower case, that consist of characters a name may have, save for "-".
func nameParts(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}
