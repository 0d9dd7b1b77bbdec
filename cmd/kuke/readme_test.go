package main

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/config/realm"
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
	for _, kind := range realm.Kinds {
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
