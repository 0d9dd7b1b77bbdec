package write

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// Same returns an error that names a difference between a tree and the one that was read from its text in the language to.
func Same(tree, again *resource.Tree, to source.Language) error {
	for _, r := range tree.Resources() {
		other := again.Resource(r.Path)
		switch {
		case other == nil || other.External != r.External || other.ImpliedRoot != r.ImpliedRoot || !reflect.DeepEqual(other.Lifecycle, r.Lifecycle):
			return fmt.Errorf("%s would be another in %s: please report this, with the configuration", r.Path, strings.ToUpper(string(to)))
		case !reflect.DeepEqual(other.Spec, r.Spec):
			return fmt.Errorf("%s of %s can't be put in %s, which reads it as another text (HCL knows text in the Unicode normal form C only)", difference(r.Spec, other.Spec), r.Path, strings.ToUpper(string(to)))
		}
	}
	return nil
}

// difference returns the name of a value that two specs don't share.
func difference(a, b resource.Spec) string {
	values := func(s resource.Spec) map[string]string {
		m := map[string]string{}
		for _, leaf := range resource.Leaves(s) {
			m[leaf.Name] = fmt.Sprintf("%q", leaf.Value)
		}
		return m
	}
	before, after := values(a), values(b)
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if before[name] != after[name] {
			return name
		}
	}
	return "something"
}
