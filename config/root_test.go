package config

import (
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/internal/write"
	"github.com/kukeon/kuke/config/resource"
)

// Where nothing says which container is the root, the first is that can start before all others, and the tree says that
// nobody wrote it.
func TestImpliedRoot(t *testing.T) {
	for _, tt := range []struct{ name, cell, want string }{
		{"the first", `container "b" {}
			container "a" {}`, "b, implied"},
		{"written", `container "b" {}
			container "a" { root = true }`, "a"},
		{"named by its cell", `root_container_id = "a"
			container "b" {}
			container "a" {}`, "a"},
		{"a key that sorts before", `container "c" {
				for_each = toset(["web", "agent"])
			}`, "c-agent, implied"},
		{"the first depends on another", `container "b" { depends_on = ["a"] }
			container "a" {}`, "a, implied"},
		{"the first is waited for until it ends", `container "b" {}
			container "a" {
				depends_on {
					name      = "b"
					condition = "completed"
				}
			}
			container "c" {}`, "c, implied"},
		{"the first has a value of another", `container "b" { env = { PEER = container.a.image } }
			container "a" {}`, "a, implied"},
		{"managed elsewhere", `container "b" { external = true }
			container "a" {}`, "a, implied"},
		{"false", `container "b" { root = false }
			container "a" {}`, "b, implied"},
		{"none", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, diags := Load(Text([]byte("cell \"x\" {\nparent = \"r/s/t\"\n" + tt.cell + "\n}\n")))
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			if got := rootsOf(c.Tree); got != tt.want {
				t.Errorf("root %q, want %q", got, tt.want)
			}
			for _, to := range []Language{HCL, YAML} {
				text, err := Convert(c.Tree, to)
				if err != nil {
					t.Fatalf("%s: %v", to, err)
				}
				again, _, diags := loadTree([]source.File{{Name: "again." + string(to), Data: text}}, nil)
				if diags.HasErrors() {
					t.Fatal(diags)
				}
				sameTree(t, c.Tree, again)
				if written := strings.Contains(string(text), "root"); written == strings.Contains(tt.want, "implied") && tt.want != "" {
					t.Errorf("the text in %s says what the root is: %t\n%s", to, written, text)
				}
			}
		})
	}
}

// rootsOf names the containers that are roots, and says of which nobody wrote it.
func rootsOf(tree *resource.Tree) string {
	var roots []string
	for _, r := range tree.Resources() {
		c, ok := r.Spec.(*resource.Container)
		switch {
		case ok && c.Root && r.ImpliedRoot:
			roots = append(roots, r.Path.Name()+", implied")
		case ok && c.Root, r.ImpliedRoot:
			roots = append(roots, r.Path.Name())
		}
	}
	return strings.Join(roots, "; ")
}

// What is converted has the containers in an order that gives the same root.
func TestConvertedOrder(t *testing.T) {
	tree, _, diags := loadTree([]source.File{{Name: "main.hcl", Data: []byte(`
cell "x" {
  parent = "r/s/t"
  container "b" {}
  container "a" {}
  container "c" {}
}
cell "y" {
  parent = "r/s/t"
  container "c" {}
  container "b" {}
}`)}}, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var names []string
	for _, r := range write.InOrder(tree) {
		names = append(names, string(r.Path[len("r/s/t/"):]))
	}
	if got, want := strings.Join(names, " "), "x x/b x/a x/c y y/c y/b"; got != want {
		t.Errorf("order %s, want %s", got, want)
	}
	if got := rootsOf(tree); got != "b, implied; c, implied" {
		t.Errorf("roots %s", got)
	}
}
