package config_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kukeon/kuke/config"
)

// Input.Opened and the sources are all files that a configuration needs in another place; there, ~ is another directory.
func TestOpenedFiles(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{
		"main.hcl": `variable "x" {}
module "m" {
  source = "./m"
  text   = var.x
}
realm "r" {
  labels = {
    a = file("a.txt"), b = filesha256("${path.module}/b.txt"), c = fileexists("missing") ? "y" : "n"
    d = templatefile("d.tpl", { files = fileset("sub", "*.txt") }), e = pathexpand("~/e")
  }
}`,
		"kuke.kukevars": `x = "1"`, "m/main.hcl": "variable \"text\" {}\nrealm \"m\" {\n  labels = { f = file(\"${path.module}/f.txt\"), t = var.text }\n}",
		"a.txt": "a", "b.txt": "b", "d.tpl": "%{ for f in files }${f}${file(\"g.txt\")}%{ endfor }", "sub/1.txt": "1", "sub/2.md": "2", "m/f.txt": "f", "g.txt": "g", "unused.txt": "u",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	opened := map[string]bool{}
	c, diags := config.Load(config.Input{Home: "/home/caller", Opened: func(path string) {
		if rel, err := filepath.Rel(dir, path); err == nil {
			opened[rel] = true
		}
	}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	want := []string{"a.txt", "b.txt", "d.tpl", "g.txt", "m/f.txt", "m/main.hcl", "sub/1.txt"}
	if got := slices.Sorted(maps.Keys(opened)); !slices.Equal(got, want) {
		t.Errorf("opened %v, want %v", got, want)
	}
	want = []string{"kuke.kukevars", "m/main.hcl", "main.hcl"}
	if got := slices.Sorted(maps.Keys(c.Sources)); !slices.Equal(got, want) {
		t.Errorf("sources %v, want %v", got, want)
	}
	if got, diags := c.Evaluate(`pathexpand("~/e")`); got != `"/home/caller/e"` {
		t.Errorf("~/e is %s %v", got, diags)
	}
}
