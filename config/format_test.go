package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/internal/write"
	"github.com/kukeon/kuke/config/resource"
)

// canonical returns the canonical form of an HCL file.
func canonical(t *testing.T, data []byte) ([]byte, bool) {
	t.Helper()
	var diags resource.Diagnostics
	normal, ok := source.Normalize(source.File{Name: "main.hcl", Data: data}, &diags)
	if !ok {
		return nil, false
	}
	after, ok := write.FormatHCL("main.hcl", normal, &diags)
	if ok == diags.HasErrors() {
		t.Fatalf("formatted: %t, but %v", ok, diags)
	}
	for _, d := range diags {
		if d.Summary == message.Bug {
			t.Errorf("%v in\n%s", d, data)
		}
	}
	return after, ok
}

func FuzzFormat(f *testing.F) {
	addSeeds(f, ".hcl", "../examples/hello/main.hcl")
	for _, odd := range []string{"a=1 .5", "a = b .c", "a=[1,\n2]#x\n b={c=1\n}", "a=<<-X\n  b\n\tX\n", "a = - 1", "a=\"${ b }\"", "x{\n\n\n}\n\n\n", "a=1//b\n/* c\n d*/b=1", "a b{c=\"${\"${d}\"}\"\ne=\"${[\n1]}\"}"} {
		f.Add([]byte(odd))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		once, ok := canonical(t, data)
		if !ok {
			return
		}
		if twice, ok := canonical(t, once); !ok || string(twice) != string(once) {
			t.Errorf("once:\n%s\ntwice:\n%s", once, twice)
		}
		before, _, _ := loadTree([]source.File{{Name: "main.hcl", Data: data, Named: true}}, nil)
		after, _, diags := loadTree([]source.File{{Name: "main.hcl", Data: once, Named: true}}, nil)
		if before != nil {
			if diags.HasErrors() {
				t.Fatalf("after: %v", diags)
			}
			sameTree(t, before, after)
		}
	})
}

// sameTree sees that two trees hold the same, wherever it was written.
func sameTree(t *testing.T, want, got *resource.Tree) {
	t.Helper()
	if got == nil || got.Len() != want.Len() {
		t.Fatalf("got\n%s\nwant\n%s", render(t, &Configuration{Tree: got}, nil), render(t, &Configuration{Tree: want}, nil))
	}
	for _, r := range want.Resources() {
		if other := got.Resource(r.Path); other == nil || other.External != r.External || other.ImpliedRoot != r.ImpliedRoot || !reflect.DeepEqual(other.Spec, r.Spec) {
			t.Fatalf("%s differs: got\n%s\nwant\n%s", r.Path, render(t, &Configuration{Tree: got}, nil), render(t, &Configuration{Tree: want}, nil))
		}
	}
}

// What is written otherwise, and means the same, is written as terraform fmt does.
func TestFormatIdioms(t *testing.T) {
	for _, c := range [][2]string{
		{`a = "${b.c["d"]}"`, `a = b.c["d"]`},
		{`a = "${~ b ~}"`, `a = b`},
		{`a = "${"${b}"}"`, `a = b`},
		{`a = "${"b"}"`, `a = "b"`},
		{`a = "${f("${b}")}"`, `a = f("${b}")`},
		{"a = \"${\n  b\n}\"", `a = b`},
		{"a = \"${f(\n  b)}\"", "a = (f(\nb))"},
		{"a = \"${(\n  b)}\"", "a = (\nb)"},
		{`a = ["${b}"]`, `a = ["${b}"]`},
		{`a = "${b}${c}"`, `a = "${b}${c}"`},
		{`a = "${b} "`, `a = "${b} "`},
		{`a = "${ /* c */ b }"`, `a = "${/* c */ b}"`},
		{"a = \"${<<X\nb\nX\n}\"\nc = \"${d}\"", "a = <<X\nb\nX\nc = d"},
		{"a = \"${<<X\nb\nX\n}\" # e\nc = \"${d}\"", "a = \"${<<X\nb\nX\n}\" # e\nc = d"},
		{`a = "%{if b}c%{endif}"`, `a = "%{if b}c%{endif}"`},
		{"a b \"c\" d-e {\n}", "a \"b\" \"c\" \"d-e\" {\n}"},
		{"variable a {\n type = \"string\"\n}", "variable \"a\" {\n  type = string\n}"},
		{"variable \"a\" {\n type = list\n}", "variable \"a\" {\n  type = list(any)\n}"},
		{"variable \"a\" {\n type = \"map\" # c\n}", "variable \"a\" {\n  type = map(string) # c\n}"},
		{"cell \"a\" {\n type = \"string\"\n}", "cell \"a\" {\n  type = \"string\"\n}"},
	} {
		if got, ok := canonical(t, []byte(c[0]+"\n")); !ok || string(got) != c[1]+"\n" {
			t.Errorf("%s\nis\n%s\nwant\n%s", c[0], got, c[1])
		}
	}
}

func TestFormat(t *testing.T) {
	t.Chdir(t.TempDir())
	files := map[string]string{
		"main.hcl": "\ufeffrealm \"a\" {\r\n namespace=\"b\"   # where\r\n labels={ x = <<X\n  kept  \nX\n}\n}", "vars.kukevars": "tag  =  1\n",
		"good.hcl": "realm \"b\" {}\n", "bad.hcl": "realm \"c\" {\n  namespace = = 1\n}\n", "utf16.hcl": "\xff\xfer",
		".hidden.hcl": "a =  1\n", "main.yaml": "kind:   Realm\n", "below/deep/x.hcl": "a =  1\n", ".git/y.hcl": "a =  1\n",
	}
	for name, data := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	names := func(formatted []*Formatted) string {
		var all []string
		for _, f := range formatted {
			all = append(all, f.Name)
			if string(f.Before) != files[f.Name] {
				t.Errorf("%s was %q", f.Name, f.Before)
			}
		}
		return strings.Join(all, " ")
	}
	found, sources, diags := Format([]string{".", "main.hcl"}, false, nil)
	if got := names(found); got != "good.hcl main.hcl vars.kukevars" {
		t.Errorf("formatted %s", got)
	}
	const want = "realm \"a\" {\n  namespace = \"b\" # where\n  labels = { x = <<X\n  kept  \nX\n  }\n}\n"
	if got := string(found[1].After); got != want || !found[1].Changed() || found[0].Changed() {
		t.Errorf("main.hcl is\n%s", got)
	}
	if got := diags.Error(); !strings.Contains(got, "bad.hcl:2:15: Invalid expression") || !strings.Contains(got, "utf16.hcl:1:1: Invalid encoding") || len(diags) != 2 {
		t.Errorf("diagnostics: %s", got)
	}
	if string(sources["bad.hcl"]) != files["bad.hcl"] {
		t.Errorf("the source of bad.hcl is %q", sources["bad.hcl"])
	}
	found, _, _ = Format([]string{"."}, true, nil)
	if got := names(found); got != "below/deep/x.hcl good.hcl main.hcl vars.kukevars" {
		t.Errorf("formatted %s", got)
	}
	if err := os.Symlink("below", "link"); err != nil {
		t.Fatal(err)
	}
	if found, _, diags := Format([]string{"link/deep", "link", ".git"}, true, nil); len(diags) > 0 || len(found) != 2 || found[0].Name != "link/deep/x.hcl" || found[1].Name != ".git/y.hcl" {
		t.Errorf("through a link: %v %v", found, diags)
	}
	for path, want := range map[string]string{"main.yaml": "Not HCL", "nowhere": "Unreadable file", os.DevNull: "not a regular file"} {
		if found, _, diags := Format([]string{path}, false, nil); len(found) > 0 || !strings.Contains(diags.Error(), want) {
			t.Errorf("%s: %v", path, diags)
		}
	}
	found, _, diags = Format([]string{"-"}, false, strings.NewReader("a=1"))
	if len(diags) > 0 || len(found) != 1 || string(found[0].After) != "a = 1\n" {
		t.Errorf("stdin: %v %v", found, diags)
	}
}
