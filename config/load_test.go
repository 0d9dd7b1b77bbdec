package config

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/kukeon/kuke/config/internal/lang"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/manifest"
)

var update = flag.Bool("update", false, "write what is got into the golden files")

// TestGolden loads the files of each testdata/*.txtar and compares what comes out with its member "want". The comment
// may have a line "load: PATH…"; without it the directory is loaded. The member "stdin" is standard input.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		golden, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { testGolden(t, golden) })
	}
}

func testGolden(t *testing.T, golden string) {
	archive, err := txtar.ParseFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	var stdin, want []byte
	members := archive.Files[:0:0]
	for _, f := range archive.Files {
		switch f.Name {
		case "want":
			want = f.Data
			continue
		case "stdin":
			stdin = f.Data
		default:
			if err := os.MkdirAll(filepath.Dir(f.Name), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(f.Name, f.Data, 0o640); err != nil {
				t.Fatal(err)
			}
		}
		members = append(members, f)
	}
	in := Input{Paths: []string{"."}, Stdin: func() io.Reader { return bytes.NewReader(stdin) }}
	for line := range strings.Lines(string(archive.Comment)) {
		option(&in, strings.TrimSpace(line))
	}
	c, diags := Load(in)
	checkLoaded(t, c.Tree, c.Sources, diags)
	got := strings.ReplaceAll(render(t, c, diags), mustGetwd(t), "$PWD")
	if *update {
		archive.Files = append(members, txtar.File{Name: "want", Data: []byte(got)})
		if err := os.WriteFile(golden, txtar.Format(archive), 0o640); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// loadTree loads files that were found, and returns the tree and what was read.
func loadTree(found []source.File, diags resource.Diagnostics) (*resource.Tree, map[string][]byte, resource.Diagnostics) {
	c, diags := lang.LoadFiles(Input{}, found, diags)
	return c.Tree, c.Sources, diags
}

func mustGetwd(t *testing.T) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// option sets what a line in the comment of a golden test says.
func option(in *Input, line string) {
	key, rest, _ := strings.Cut(line, ": ")
	switch key {
	case "load":
		in.Paths = strings.Fields(rest)
	case "var":
		name, text, _ := strings.Cut(rest, "=")
		in.Assignments = append(in.Assignments, Assignment{Name: name, Text: text})
	case "var-file":
		in.Assignments = append(in.Assignments, Assignment{File: rest})
	case "env":
		in.Environ = append(in.Environ, rest)
	case "computed": // PATH NAME=VALUE
		if in.Computed == nil {
			in.Computed = map[resource.Path]map[string]string{}
		}
		path, pair, ok := strings.Cut(rest, " ")
		if name, value, _ := strings.Cut(pair, "="); ok {
			if in.Computed[resource.Path(path)] == nil {
				in.Computed[resource.Path(path)] = map[string]string{}
			}
			in.Computed[resource.Path(path)][name] = value
		}
	case "ask":
		in.Ask = func(name, _ string, _ bool) (string, error) { return "answer for " + name, nil }
	}
}

// render shows the diagnostics, what the configuration gives out, and the tree as YAML by path; of one without sources only
// the specs.
func render(t *testing.T, c *Configuration, diags resource.Diagnostics) string {
	t.Helper()
	tree, bare := c.Tree, c.Sources == nil
	var b strings.Builder
	for _, d := range diags {
		fmt.Fprintf(&b, "%s: %s: %s\n    %s\n", d.Severity, d.Subject, d.Summary, d.Detail)
	}
	if tree == nil {
		return b.String()
	}
	for _, o := range c.Outputs {
		value := "(sensitive)"
		if !o.Sensitive {
			value = fmt.Sprintf("%#v", o.Value)
		}
		fmt.Fprintf(&b, "output %s = %s\n", o.Name, value)
	}
	for _, m := range c.Moved {
		fmt.Fprintf(&b, "moved %s to %s\n", m.From, m.To)
	}
	for _, r := range c.Removed {
		fmt.Fprintf(&b, "removed %s, destroy %t\n", r.From, r.Destroy)
	}
	for _, i := range c.Imports {
		fmt.Fprintf(&b, "import %s as %s\n", i.ID, i.To)
	}
	if c.Pending {
		b.WriteString("pending\n")
	}
	for _, r := range tree.Resources() {
		data, err := yaml.Marshal(r.Spec)
		if err != nil {
			t.Fatal(err)
		}
		external := ""
		if r.External {
			external = " (external)"
		}
		fmt.Fprintf(&b, "%s %s%s\n", r.Path.Kind().Lower(), r.Path, external)
		for line := range strings.Lines(string(data)) {
			if line != "{}\n" {
				b.WriteString("    " + line)
			}
		}
		if !bare {
			b.WriteString(annotations(r))
		}
	}
	return b.String()
}

// annotations shows what a configuration says of a resource besides its spec.
func annotations(r *resource.Resource) string {
	var b strings.Builder
	if len(r.References) > 0 {
		fmt.Fprintf(&b, "    refers to %v\n", r.References)
	}
	if len(r.Sensitive) > 0 {
		fmt.Fprintf(&b, "    sensitive %v\n", slices.Sorted(maps.Keys(r.Sensitive)))
	}
	if r.Lifecycle != nil {
		fmt.Fprintf(&b, "    lifecycle %+v\n", *r.Lifecycle)
	}
	return b.String()
}

// checkLoaded checks what holds for every result of Load.
func checkLoaded(t *testing.T, tree *resource.Tree, sources map[string][]byte, diags resource.Diagnostics) {
	t.Helper()
	if (tree == nil) != diags.HasErrors() {
		t.Errorf("tree is nil: %t, but there are errors: %t", tree == nil, diags.HasErrors())
	}
	for _, d := range diags {
		switch {
		case d.Summary == message.Bug:
			t.Errorf("%v", d)
		case d.Summary == "" || d.Detail == "" || strings.HasSuffix(d.Summary, "."):
			t.Errorf("diagnostic without words: %+v", d)
		}
		checkRange(t, d.Subject, sources)
	}
	if tree == nil {
		return
	}
	checkRoundTrip(t, tree)
	for _, r := range tree.Resources() {
		if _, err := resource.ParsePath(string(r.Path)); err != nil || r.Path.Kind() != r.Spec.Kind() {
			t.Errorf("path %q of a %s: %v", r.Path, r.Spec.Kind(), err)
		}
		checkRange(t, r.Declared, sources)
		if r.Declared.Start.Line == 0 {
			t.Errorf("%s: no place", r.Path)
		}
		for _, rng := range r.Ranges {
			checkRange(t, rng, sources)
		}
		for _, leaf := range resource.Leaves(r.Spec) {
			if leaf.Name != "image" && leaf.Name != "root" && r.Ranges[leaf.Name].Start.Line == 0 {
				t.Errorf("%s: no place for %s in %v", r.Path, leaf.Name, r.Ranges)
			}
		}
	}
}

func checkRange(t *testing.T, rng resource.Range, sources map[string][]byte) {
	t.Helper()
	data, ok := sources[rng.File]
	if rng.Start.Line == 0 {
		return
	}
	lineCount := bytes.Count(data, []byte("\n")) + 1
	if !ok || rng.Start.Byte > rng.End.Byte || rng.End.Byte > len(data) || rng.Start.Column < 1 || rng.Start.Line > lineCount {
		t.Errorf("range %+v is not within its source", rng)
	}
}

// TestHello loads the example in both spellings, which must give one tree.
func TestHello(t *testing.T) {
	load := func(path string) []*resource.Resource {
		c, diags := Load(Input{Paths: []string{path}})
		tree := c.Tree
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		return tree.Resources()
	}
	fromHCL, fromYAML := load("../examples/hello"), load("../examples/hello-yaml")
	if len(fromHCL) != 6 || len(fromYAML) != len(fromHCL) {
		t.Fatalf("%d resources in HCL, %d in YAML, want 6 in both", len(fromHCL), len(fromYAML))
	}
	for i, r := range fromHCL {
		if other := fromYAML[i]; r.Path != other.Path || !reflect.DeepEqual(r.Spec, other.Spec) {
			t.Errorf("%s: %+v in HCL, %s: %+v in YAML", r.Path, r.Spec, other.Path, other.Spec)
		}
	}
}

// TestEveryField sees that every-field.hcl and every-field.yaml set every attribute there is, and give one tree.
func TestEveryField(t *testing.T) {
	key := regexp.MustCompile(`\["[^"]*"\]`)
	trees := map[string]string{}
	for _, name := range []string{"main.hcl", "main.yaml"} {
		archive, err := txtar.ParseFile("testdata/every-field" + filepath.Ext(name) + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		c, diags := lang.LoadFiles(Input{}, []source.File{{Name: name, Data: archive.Files[0].Data}}, nil)
		tree := c.Tree
		if tree == nil || archive.Files[0].Name != name {
			t.Fatal(diags)
		}
		trees[name] = render(t, &Configuration{Tree: tree}, nil)
		set := map[string]bool{}
		for _, r := range tree.Resources() {
			for at := range r.Ranges {
				set[string(r.Spec.Kind())+"."+key.ReplaceAllString(at, "")] = true
			}
		}
		var check func(in string, attrs []*resource.Attribute)
		check = func(in string, attrs []*resource.Attribute) {
			for _, a := range attrs {
				at := in + "." + a.Name
				if !set[at] && !a.Alias && !strings.HasPrefix(at, "Container.configs.from") { // sources that there must be
					t.Errorf("%s doesn't set %s", name, at)
				}
				check(at, a.Fields)
			}
		}
		for _, k := range resource.AllKinds {
			attrs := slices.Clone(k.Attributes())
			if k != resource.KindRealm { // which has only the common attributes
				attrs = slices.DeleteFunc(attrs, func(a *resource.Attribute) bool { return resource.KindStack.Attribute(a.Name) != nil })
			}
			check(string(k), attrs)
		}
	}
	if trees["main.hcl"] != trees["main.yaml"] {
		t.Error("the two trees differ")
	}
}

// checkRoundTrip writes the tree as manifests and reads them again: what is in normal form stays as it is.
func checkRoundTrip(t *testing.T, tree *resource.Tree) {
	t.Helper()
	if tree.Len() == 0 {
		return // which a file of nothing is refused for
	}
	var manifests bytes.Buffer
	for _, r := range tree.Resources() {
		data, err := yaml.Marshal(r.Spec)
		if err != nil {
			t.Fatal(err)
		}
		spec := map[string]any{}
		if err := yaml.Unmarshal(data, &spec); err != nil {
			t.Fatal(err)
		}
		for i, name := range manifest.ParentFieldsOf(r.Path) {
			spec[name] = r.Path.Names()[i]
		}
		if r.External {
			spec["external"] = true
		}
		data, err = yaml.Marshal(map[string]any{
			"apiVersion": resource.APIVersion, "kind": r.Spec.Kind(), "spec": spec,
			"metadata": map[string]any{"name": r.Path.Name()}, "status": map[string]any{"x": 1},
		})
		if err != nil {
			t.Fatal(err)
		}
		manifests.WriteString("---\n")
		manifests.Write(data)
	}
	c, diags := lang.LoadFiles(Input{}, []source.File{{Name: "again.yaml", Data: manifests.Bytes()}}, nil)
	again := c.Tree
	if diags.HasErrors() {
		t.Fatalf("%v\nin\n%s", diags, manifests.Bytes())
	}
	if got, want := render(t, &Configuration{Tree: again}, nil), render(t, &Configuration{Tree: tree}, nil); got != want {
		t.Errorf("the tree is\n%s\nand, read again,\n%s", want, got)
	}
	for _, r := range tree.Resources() {
		if other := again.Resource(r.Path); other != nil && !reflect.DeepEqual(other.Spec, r.Spec) {
			t.Errorf("%s is\n%+v\nand, read again,\n%+v", r.Path, r.Spec, other.Spec)
		}
	}
}
