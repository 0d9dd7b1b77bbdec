package eval

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/randomtree"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/internal/write"
	"github.com/kukeon/kuke/config/resource"
)

// Any spec that is encoded is decoded as the same spec.
func TestEncodeHCLProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := randomtree.Tree(t)
		text := write.EncodeHCL(tree)
		var diags resource.Diagnostics
		e := New(Options{KeepFiles: true}, source.NewFiles(), &diags)
		m := module.New("")
		m.Read([]source.File{{Name: "x.hcl", Data: text, Named: true}}, e.sources, &diags)
		e.instantiate(m, "").declareModule()
		decls := e.declared
		decodedAs(t, tree, decls, diags, text)
	})
}

// The same for YAML.
func TestEncodeYAMLProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := randomtree.Tree(t)
		text := write.EncodeYAML(tree)
		var diags resource.Diagnostics
		decls := schema.ReadManifests("x.yaml", text, &diags)
		decodedAs(t, tree, decls, diags, text)
	})
}

// decodedAs sees that the declarations in text are those of the tree.
func decodedAs(t *rapid.T, tree *resource.Tree, decls []*schema.Declaration, diags resource.Diagnostics, text []byte) {
	if len(decls) != tree.Len() {
		t.Fatalf("%v\n%s", diags, text)
	}
	for _, d := range decls {
		want := tree.Resource(d.Path)
		// The bare spec, without the defaults and the rules of a whole configuration.
		diags = nil
		got := d.Bare(&diags).Spec
		if diags.HasErrors() || d.External != want.External || !reflect.DeepEqual(got, want.Spec) {
			t.Fatalf("%v\n%s\n got %+v\nwant %+v", diags, text, got, want.Spec)
		}
	}
}
