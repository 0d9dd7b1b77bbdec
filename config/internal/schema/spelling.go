package schema

import (
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/manifest"
)

// Spelling is one of the two spellings that a configuration can have.
type Spelling struct {
	// field is the word for a named member.
	field string
	// attribute returns the name of an attribute.
	attribute func(*resource.Attribute) string
	// lax says that numbers, booleans and strings turn into each other where one is wanted and another is
	// written, as HCL's users expect. Otherwise only the values of maps do.
	lax bool
	// RootID is the field by which a cell names its root container.
	RootID string
	// reserved are the names that are fields of every body besides the attributes, for suggestions.
	reserved func(resource.Kind) []string
}

// HCL is the spelling of blocks and arguments.
var HCL = &Spelling{
	field:     "argument",
	attribute: func(a *resource.Attribute) string { return a.HCLName },
	lax:       true,
	RootID:    "root_container_id",
	reserved: func(k resource.Kind) []string {
		names := []string{"external", "name", "for_each", "count", "lifecycle", "dynamic"}
		if k != resource.KindRealm {
			names = append(names, "parent")
		}
		if k == resource.KindCell {
			names = append(names, "root_container_id")
		}
		return append(names, KindWords()...)
	},
}

// YAML is the spelling of manifests.
var YAML = &Spelling{
	field:     "field",
	attribute: func(a *resource.Attribute) string { return a.Name },
	RootID:    "rootContainerId",
	reserved: func(k resource.Kind) []string {
		fields, _ := manifest.ParentFields(k)
		names := append([]string{"id", "external"}, fields...)
		if k == resource.KindCell {
			names = append(names, "rootContainerId", "containers")
		}
		return names
	},
}
