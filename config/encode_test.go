package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/internal/write"
	"github.com/kukeon/kuke/config/resource"
)

// The files of the golden configurations are, encoded again, the same tree; how that looks is in testdata/encode.
func TestEncodeGolden(t *testing.T) {
	for _, name := range []string{"every-field.hcl", "every-field.yaml", "hello-seed", "external"} {
		archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		var found []source.File
		for _, f := range archive.Files {
			if f.Name != "want" {
				found = append(found, source.File{Name: f.Name, Data: f.Data, Named: true})
			}
		}
		tree, _, diags := loadTree(found, nil)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		checkEncoded(t, tree, "again.hcl", EncodeHCL(tree), name+".want")
		if name != "every-field.hcl" { // which is the very tree of every-field.yaml
			checkEncoded(t, tree, "again.yaml", write.EncodeYAML(tree), strings.TrimSuffix(name, ".yaml")+".yaml")
		}
	}
}

// checkEncoded sees that text, read as a file called name, is the tree, and looks as testdata/encode has it.
func checkEncoded(t *testing.T, tree *resource.Tree, name string, text []byte, golden string) {
	t.Helper()
	again, _, diags := loadTree([]source.File{{Name: name, Data: text, Named: true}}, nil)
	if diags.HasErrors() {
		t.Fatalf("%s: %v\n%s", golden, diags, text)
	}
	sameTree(t, tree, again)
	golden = filepath.Join("testdata", "encode", golden)
	if *update {
		if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != string(text) {
		t.Errorf("%s: %v\n%s", golden, err, text)
	}
}
