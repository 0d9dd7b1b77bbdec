package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/kukeon/kuke/config/internal/sandbox"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// loadable calls each with every tree there is: those of the examples and of the golden files that load. Examples of more
// than one file hold addresses, which no loading knows.
func loadable(t *testing.T, each func(name string, found []source.File, tree *resource.Tree)) {
	t.Helper()
	examples, err := filepath.Glob("../examples/*/main.*")
	if err != nil || len(examples) < 3 {
		t.Fatalf("examples: %v, %v", examples, err)
	}
	for _, file := range examples {
		if beside, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*.hcl")); len(beside) > 1 {
			continue
		}
		var diags resource.Diagnostics
		found := source.Discover([]string{file}, nil, sandbox.Files{}, &diags)
		tree, _, diags := loadTree(found, diags)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		each(file, found, tree)
	}
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range archives {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var found []source.File
		for _, f := range archive.Files {
			if f.Name != "want" {
				found = append(found, source.File{Name: f.Name, Data: f.Data})
			}
		}
		if tree, _, diags := loadTree(found, nil); !diags.HasErrors() {
			each(file, found, tree)
		}
	}
}

// There and back, everything is as it was.
func TestConvert(t *testing.T) {
	n := 0
	loadable(t, func(name string, _ []source.File, tree *resource.Tree) {
		n++
		for _, to := range []Language{HCL, YAML} {
			text, err := Convert(tree, to)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			again, _, diags := loadTree([]source.File{{Name: "main." + string(to), Data: text}}, nil)
			if diags.HasErrors() || LanguageOf("stdin", text) != to {
				t.Errorf("%s: %v in\n%s", name, diags, text)
			}
			sameTree(t, tree, again)
		}
	})
	if n < 7 {
		t.Errorf("only %d configurations", n)
	}
}

// HCL reads e and a combining accent as é: to write that would change what is meant.
func TestConvertWhatHCLCannotSay(t *testing.T) {
	tree, _, diags := loadTree([]source.File{{Name: "main.yaml", Data: []byte("apiVersion: v1beta1\nkind: Realm\nmetadata: {name: a, labels: {x: \"e\u0301\"}}\n")}}, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if _, err := Convert(tree, HCL); err == nil || !strings.Contains(err.Error(), `labels["x"] of a can't be put in HCL`) {
		t.Errorf("to HCL: %v", err)
	}
	if _, err := Convert(tree, YAML); err != nil {
		t.Errorf("to YAML: %v", err)
	}
}
