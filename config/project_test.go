package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

func TestProjectOf(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "Web Shop")
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("empty/README", "no configuration")
	write("main.hcl", "realm \"main\" {\n  labels = { x = var.x }\n}\nvariable \"x\" {}\n")
	write("named/kuke.hcl", "kuke {\n  project = \"shop\"\n}\nresource \"x\" \"y\" {}\n")
	write("named/other.yaml", "x: [")
	write("broken/main.hcl", "kuke {")
	for _, c := range []struct {
		cwd   string
		paths []string
		want  Project
	}{
		{cwd: ".", want: Project{Name: "web-shop", Dir: dir}},
		{cwd: "empty", want: Project{Name: "empty", Dir: dir + "/empty"}},
		{cwd: "named", want: Project{Name: "shop", Named: true, Dir: dir + "/named"}},
		{cwd: ".", paths: []string{"main.hcl", "named"}, want: Project{Name: "shop", Named: true, Dir: dir}},
		{cwd: ".", paths: []string{"named/other.yaml"}, want: Project{Name: "named", Dir: dir + "/named"}},
		{cwd: ".", paths: []string{"-"}, want: Project{Name: "web-shop", Dir: dir}},
	} {
		t.Chdir(filepath.Join(dir, c.cwd))
		got, _, diags := ProjectOf(Input{Paths: c.paths})
		if len(diags) > 0 {
			t.Errorf("%s %v: %v", c.cwd, c.paths, diags)
		}
		if got.Named != (got.Declared != resource.Range{}) {
			t.Errorf("%s %v: named %t, declared at %v", c.cwd, c.paths, got.Named, got.Declared)
		}
		got.Declared = resource.Range{}
		if got != c.want {
			t.Errorf("%s %v: %+v, want %+v", c.cwd, c.paths, got, c.want)
		}
	}
	t.Chdir(filepath.Join(dir, "broken"))
	if _, _, diags := ProjectOf(Input{}); !diags.HasErrors() {
		t.Error("a file that can't be parsed is no error")
	}
}

// What Load says of the project is what ProjectOf says.
func TestLoadProject(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, text := range []string{"kuke {\n  project = \"shop\"\n}\nrealm \"main\" {}\n", "realm \"main\" {}\n"} {
		in := Text([]byte(text))
		c, diags := Load(in)
		p, _, more := ProjectOf(in)
		if c.Project != p || len(diags)+len(more) > 0 {
			t.Errorf("%s: Load says %+v (%v), ProjectOf %+v (%v)", text, c.Project, diags, p, more)
		}
	}
}
