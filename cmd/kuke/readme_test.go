package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
)

// TestReadme makes sure that the reference in the README names every attribute, command and global flag.
func TestReadme(t *testing.T) {
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
	_, reference, ok := strings.Cut(readme, "### Attributes")
	if !ok {
		t.Fatal("the README has no section Attributes")
	}
	for _, kind := range resource.Kinds {
		for _, a := range kind.Attributes() {
			if !strings.Contains(reference, "`"+a.Name+"`") && !strings.Contains(reference, "`"+a.Name+".") {
				t.Errorf("the README doesn't document %s of a %s", a.Name, kind.Lower())
			}
			if a.HCLName != a.Name && !strings.Contains(reference, "`"+a.HCLName+"`") {
				t.Errorf("the README doesn't document %s of a %s", a.HCLName, kind.Lower())
			}
		}
	}
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, out: view.New(os.Stdout, false)}
	root := newRoot(a)
	for _, c := range root.Commands() {
		if c.Name() != "help" && !strings.Contains(readme, "`kuke "+c.Name()) {
			t.Errorf("the README doesn't document kuke %s", c.Name())
		}
	}
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(readme, "`--"+f.Name+"`") {
			t.Errorf("the README doesn't document --%s", f.Name)
		}
	})
}

// TestReadmeBlocks makes sure that the HCL and YAML in the README is what kuke takes, in canonical format. What a block
// refers to may be missing, since each shows one thing.
func TestReadmeBlocks(t *testing.T) {
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	missing := []string{
		"Missing parent", "Parent is not declared", "Undeclared cell", "Undeclared container", "Undeclared local value", "Undeclared variable",
		"Unreadable module",
	}
	blocks := regexp.MustCompile("(?s)```(hcl|yaml)\n(.*?)```").FindAllStringSubmatch(string(data), -1)
	if len(blocks) == 0 {
		t.Fatal("the README has no HCL and no YAML")
	}
	for _, block := range blocks {
		language, text := block[1], block[2]
		file := filepath.Join(t.TempDir(), "main."+language)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, diags := config.Load(config.Input{Paths: []string{file}})
		for _, d := range diags {
			if !slices.Contains(missing, d.Summary) {
				t.Errorf("%s: %s in\n%s", d.Summary, d.Detail, text)
			}
		}
		if language != "hcl" {
			continue
		}
		files, _, diags := config.Format([]string{"-"}, false, strings.NewReader(text))
		if diags.HasErrors() || len(files) != 1 || string(files[0].After) != text {
			t.Errorf("not in canonical format (%v):\n%s", diags, text)
		}
	}
}
