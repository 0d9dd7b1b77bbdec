package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/kukeon/kuke/cmd/kuke/help"
	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
)

// TestManual makes sure that the manual names every attribute, command and global flag.
func TestManual(t *testing.T) {
	page := func(name string) string {
		topic, ok := help.Find(name)
		if !ok {
			t.Fatalf("there is no topic %s", name)
		}
		return topic.Markdown()
	}
	reference := page("attributes")
	for _, kind := range resource.Kinds {
		for _, a := range kind.Attributes() {
			if !strings.Contains(reference, "`"+a.Name+"`") && !strings.Contains(reference, "`"+a.Name+".") {
				t.Errorf("the manual doesn't document %s of a %s", a.Name, kind.Lower())
			}
			if a.HCLName != a.Name && !strings.Contains(reference, "`"+a.HCLName+"`") {
				t.Errorf("the manual doesn't document %s of a %s", a.HCLName, kind.Lower())
			}
		}
	}
	root := testRoot()
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() && !strings.Contains(page("commands"), "`kuke "+c.Name()+"`") {
			t.Errorf("the manual doesn't document kuke %s", c.Name())
		}
		if c.IsAvailableCommand() && c.GroupID == "" {
			t.Errorf("kuke %s is in no group of commands", c.Name())
		}
	}
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(page("flags"), "`--"+f.Name+"`") {
			t.Errorf("the manual doesn't document --%s", f.Name)
		}
	})
}

// TestReadmeBlocks makes sure that the HCL and YAML in the README and the manual is valid and in canonical format. A block may
// refer to resources that it doesn't show.
func TestReadmeBlocks(t *testing.T) {
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := checkBlocks(t, "the README", string(data)); n == 0 {
		t.Error("the README has no HCL and no YAML")
	}
	n := 0
	for _, topic := range help.Topics() {
		n += checkBlocks(t, topic.File(), topic.Markdown())
	}
	if n == 0 {
		t.Error("the manual has no HCL and no YAML")
	}
}

// checkBlocks loads and formats the blocks of a page, and returns their number.
func checkBlocks(t *testing.T, page, markdown string) int {
	missing := []string{
		"Missing parent", "Parent is not declared", "Undeclared cell", "Undeclared container", "Undeclared local value", "Undeclared variable",
		"Unreadable module",
	}
	blocks := regexp.MustCompile("(?s)```(hcl|yaml)\n(.*?)```").FindAllStringSubmatch(markdown, -1)
	for _, block := range blocks {
		language, text := block[1], block[2]
		file := filepath.Join(t.TempDir(), "main."+language)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, diags := config.Load(config.Input{Paths: []string{file}})
		for _, d := range diags {
			if !slices.Contains(missing, d.Summary) {
				t.Errorf("%s: %s: %s in\n%s", page, d.Summary, d.Detail, text)
			}
		}
		if language != "hcl" {
			continue
		}
		files, _, diags := config.Format([]string{"-"}, false, strings.NewReader(text))
		if diags.HasErrors() || len(files) != 1 || string(files[0].After) != text {
			t.Errorf("%s: not in canonical format (%v):\n%s", page, diags, text)
		}
	}
	return len(blocks)
}
