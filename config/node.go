package config

import (
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/internal/validate"
	"github.com/kukeon/kuke/config/resource"
)

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
	body, labels *source.Value
	// rootID is the name of a cell's root container where it is given, or nil.
	rootID    *source.Value
	lifecycle *resource.Lifecycle

	// incomplete says that something is left out that only planning works out.
	incomplete bool
	// decoded is the resource that is written, nil before it was asked for.
	decoded *resource.Resource
	// resource is the same once it is in the tree, nil before.
	resource *resource.Resource
	// unsettled says of a container that which one is the root of its cell is not written: only planning knows it.
	unsettled bool
}

// childPath returns the path of what is called name below parent, or reports what is wrong with the name and
// returns the empty path. An empty parent that isn't a realm's leaves the path empty too.
func childPath(diags *resource.Diagnostics, kind resource.Kind, parent resource.Path, name *source.Value) resource.Path {
	if err := resource.CheckName(name.Text); err != nil {
		diags.Errorf(name.Range, "", "Invalid name", "%s.%s", message.Sentence(err.Error()), validate.SuggestName(name.Text))
		return ""
	}
	if parent == "" && kind != resource.KindRealm {
		return ""
	}
	return parent.Join(name.Text)
}
