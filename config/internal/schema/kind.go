package schema

import (
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/manifest"
)

// KindOf returns the kind with the word, as HCL writes it.
func KindOf(word string) (resource.Kind, bool) {
	i := slices.IndexFunc(resource.AllKinds, func(k resource.Kind) bool { return k.Lower() == word })
	if i < 0 {
		return "", false
	}
	return resource.AllKinds[i], true
}

// NestedKind is [KindOf] for the type of a block in a resource of kind in: there a block of that type may be an attribute, as the
// mount of a volume is in a container.
func NestedKind(in resource.Kind, word string) (resource.Kind, bool) {
	if slices.ContainsFunc(in.Attributes(), func(a *resource.Attribute) bool { return a.HCLName == word }) {
		return "", false
	}
	return KindOf(word)
}

// KindWords returns the words for the kinds, as HCL writes them.
func KindWords() []string {
	return words(resource.AllKinds)
}

// LevelWords returns the words for the levels, from the top down.
func LevelWords() []string { return words(resource.Kinds) }

func words(kinds []resource.Kind) []string {
	words := make([]string, 0, len(kinds))
	for _, k := range kinds {
		words = append(words, k.Lower())
	}
	return words
}

// Above returns the word for the kinds that hold k; for realms, which nothing holds, the file.
func Above(k resource.Kind) string {
	parents := words(k.Parents())
	switch last := len(parents) - 1; {
	case last > 0:
		return strings.Join(parents[:last], ", ") + " or " + parents[last]
	case last == 0:
		return parents[0]
	}
	return "file of its own"
}

// ParentShape returns the form of the path of a parent of the kind, such as space/stack, as seen from the path that a module
// fills.
func ParentShape(k resource.Kind, filled resource.Path) string {
	fields, _ := manifest.ParentFields(k)
	return strings.Join(LevelWords()[min(filled.Depth(), len(fields)):len(fields)], "/")
}
