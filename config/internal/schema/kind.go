package schema

import (
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
)

// KindOf returns the kind with the word, as HCL writes it.
func KindOf(word string) (resource.Kind, bool) {
	i := slices.IndexFunc(resource.Kinds, func(k resource.Kind) bool { return k.Lower() == word })
	if i < 0 {
		return "", false
	}
	return resource.Kinds[i], true
}

// KindWords returns the words for the kinds, as HCL writes them.
func KindWords() []string {
	words := make([]string, 0, len(resource.Kinds))
	for _, k := range resource.Kinds {
		words = append(words, k.Lower())
	}
	return words
}

// Above returns the word for the kind that holds k; for realms, which nothing holds, the file.
func Above(k resource.Kind) string {
	if d := k.Depth(); d > 1 {
		return resource.Kinds[d-2].Lower()
	}
	return "file of its own"
}

// ParentShape returns the form of the path of a parent of the kind, such as space/stack, as seen from the path that a module
// fills.
func ParentShape(k resource.Kind, filled resource.Path) string {
	var shape []string
	for _, level := range resource.Kinds[min(filled.Depth(), k.Depth()-1) : k.Depth()-1] {
		shape = append(shape, level.Lower())
	}
	return strings.Join(shape, "/")
}
