package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// Convert returns the tree in the language to. The error says what can't be put in it: [Load] of the result always
// gives the very same tree.
func Convert(tree *resource.Tree, to source.Language) ([]byte, error) {
	encode := EncodeHCL
	if to == source.YAML {
		encode = EncodeYAML
	}
	text := encode(tree)
	// It is read under a name that only says the language.
	c, diags := load(Input{}, []source.File{{Name: "converted." + string(to), Data: text, Named: true}}, nil)
	if diags.HasErrors() {
		for i := range diags {
			diags[i].Subject = resource.Range{} // nobody wrote that text
		}
		return nil, fmt.Errorf("it can't be put in %s: %w", strings.ToUpper(string(to)), diags)
	}
	if err := same(tree, c.Tree, to); err != nil {
		return nil, err
	}
	return text, nil
}

// same says where a tree that was written in the language to and read again differs from it.
func same(tree, again *resource.Tree, to source.Language) error {
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
