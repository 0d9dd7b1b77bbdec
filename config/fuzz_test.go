package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/kukeon/kuke/config/internal/lang"
	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/lang/variable"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

func FuzzHCL(f *testing.F) {
	addSeeds(f, ".hcl", "../examples/hello/main.hcl")
	f.Fuzz(func(t *testing.T, data []byte) { fuzz(t, "main.hcl", data) })
}

func FuzzYAML(f *testing.F) {
	addSeeds(f, ".yaml", "../examples/hello-yaml/main.yaml")
	schema := compiled(f, "")
	f.Fuzz(func(t *testing.T, data []byte) {
		if fuzz(t, "main.yaml", data) {
			whatLoadsIsValid(t, schema, data)
		}
	})
}

// addSeeds adds the golden tests' files of one format, and those that no editor would write.
func addSeeds(f *testing.F, ext, example string) {
	data, err := os.ReadFile(example)
	if err != nil {
		f.Fatal(err)
	}
	for _, odd := range []string{"", "\ufeff", "\xff\xfe", "\x00", "\r", "\r\n", "a\xffb", "\u2028", "\ufeff" + string(data), strings.ReplaceAll(string(data), "\n", "\r\n"), strings.ReplaceAll(string(data), "\n", "\r")} {
		f.Add([]byte(odd))
	}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "bad-bounds.txtar") {
			continue // it takes seconds, as it must, and fuzzing gives up on such a seed
		}
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, member := range archive.Files {
			if filepath.Ext(member.Name) == ext {
				f.Add(member.Data)
			}
		}
	}
}

// fuzz loads data as a file of the given name: whatever it is, the result is in order, and a tree comes out of the same
// data again. It reports whether there is one.
func fuzz(t *testing.T, name string, data []byte) bool {
	once := func() (*resource.Tree, map[string][]byte, resource.Diagnostics) {
		c, diags := lang.LoadFiles(Input{}, []source.File{{Name: name, Data: data, Named: true}}, nil)
		return c.Tree, c.Sources, diags
	}
	tree, sources, diags := once()
	checkLoaded(t, tree, sources, diags)
	again, _, moreDiags := once()
	if got, want := render(t, &Configuration{Tree: again}, moreDiags), render(t, &Configuration{Tree: tree}, diags); got != want {
		t.Errorf("first:\n%s\nthen:\n%s", want, got)
	}
	return tree != nil
}

// TestHuge loads what could keep a careless reader busy for hours, or fill its stack.
func TestHuge(t *testing.T) {
	const size = 512 << 10
	wide := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for name, text := range map[string]string{
		"open brackets.hcl":  "realm \"a\" { namespace = " + wide("["),
		"open braces.hcl":    wide("a{"),
		"operators.hcl":      "realm \"a\" { namespace = 1" + wide("+1") + "\n}",
		"many lines.hcl":     "realm \"a\" { namespace = (1" + wide("\n+1") + ")\n}",
		"minus.hcl":          "realm \"a\" { namespace = " + wide("-") + "1\n}",
		"conditions.hcl":     "realm \"a\" { namespace = " + wide("true?1:") + "1\n}",
		"indices.hcl":        "realm \"a\" { namespace = [1]" + wide("[0]") + "\n}",
		"attributes.hcl":     "realm \"a\" { namespace = {}" + wide(".a") + "\n}",
		"splats.hcl":         "realm \"a\" { namespace = []" + wide("[*]") + "\n}",
		"templates.hcl":      "realm \"a\" { namespace = " + wide("\"${") + "\n}",
		"directives.hcl":     "realm \"a\" { namespace = \"" + wide("%{if true}") + "\"\n}",
		"number.hcl":         "realm \"a\" { namespace = 1e999999999\n}",
		"one line.yaml":      "{" + wide("ä: [a, {b: c}], ") + "}",
		"open brackets.yaml": wide("["),
		"open braces.yaml":   wide("{a: "),
		"sequences.yaml":     wide("- "),
		"keys.yaml":          wide("? "),
		"documents.yaml":     wide("---\n"),
		"quotes.yaml":        "a: \"" + wide("x"),
		"many aliases.yaml":  "a: &a [" + strings.Repeat("x,", 1000) + "]\nb: [" + strings.Repeat("*a,", 100000) + "]\n",
		"too large.yaml":     strings.Repeat("# x\n", source.MaxSize/4+1),
		"long name.yaml":     "apiVersion: v1beta1\nkind: " + wide("x"),
		"long name.hcl":      "realm \"" + wide("x") + "\" {}",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), strings.ReplaceAll(name, " ", "-"))
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			start := cpuTime(t)
			c, diags := Load(Input{Paths: []string{file}})
			tree, sources := c.Tree, c.Sources
			if took := cpuTime(t) - start; took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			if len(diags) < 50 {
				checkLoaded(t, tree, sources, diags)
			}
			if !diags.HasErrors() {
				t.Error("no error")
			}
			for _, d := range diags {
				if len(d.Detail) > 2000 {
					t.Errorf("a message of %d bytes: %.200s…", len(d.Detail), d.Detail)
				}
			}
		})
	}
}

// TestUnreadable loads a file that can't be read, and bytes that aren't text.
func TestUnreadable(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, data := range map[string]string{"utf16.hcl": "\xff\xfer\x00", "latin1.yaml": "# k\xe4se\n", "bom.hcl": "\ufeffrealm \"a\" {}\r\n"} {
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("loop.hcl", "loop.hcl"); err != nil {
		t.Fatal(err)
	}
	c, diags := Load(Input{})
	sources := c.Sources
	got := diags.Error()
	for _, want := range []string{
		"latin1.yaml:1:4: Invalid encoding: The file is not UTF-8 text: the byte 0xe4",
		"utf16.hcl:1:1: Invalid encoding: The file is not UTF-8 text: it looks like UTF-16",
		"loop.hcl: Unreadable file: loop.hcl can't be read: too many levels of symbolic links",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if !bytes.Equal(sources["bom.hcl"], []byte("realm \"a\" {}\n")) {
		t.Errorf("bom.hcl is %q", sources["bom.hcl"])
	}
}

// FuzzValues reads files of values, in both spellings, and takes what they hold, and their text, for variables of all
// sorts of types.
func FuzzValues(f *testing.F) {
	addSeeds(f, ".kukevars", "testdata/lang-any.txtar")
	addSeeds(f, ".json", "testdata/bad-values.txtar")
	for _, text := range []string{"", "a = 1", `a = "${1 + 1}"`, "a = [for x in [1]: x]", `{"a": [1, null, {"b": true}]}`, `{"a": 1e999}`, `{"a": "\u0000"}`, "[1", `{a = "x", b = {}}`} {
		f.Add([]byte(text))
	}
	declared := []byte(`
variable "a" {}
variable "any" { type = any }
variable "list" { type = list(any) }
variable "object" {
  type = object({ a = string, b = optional(map(set(number)), {}), c = optional(tuple([bool, any])) })
}
variable "secret" {
  type      = map(number)
  sensitive = true
  nullable  = false
}
`)
	f.Fuzz(func(t *testing.T, data []byte) {
		var diags resource.Diagnostics
		m := module.New(t.TempDir())
		m.Read([]source.File{{Name: "main.hcl", Data: declared}}, source.NewFiles(), &diags)
		var given variable.Given
		for _, name := range []string{"a.kukevars", "a.json"} {
			file := filepath.Join(m.Dir, name)
			if err := os.WriteFile(file, data, 0o644); err != nil {
				t.Fatal(err)
			}
			given.Assignments = append(given.Assignments, Assignment{File: file})
		}
		files := source.NewFiles()
		values := variable.Collect(m, given, files, &diags)
		for _, d := range diags {
			checkRange(t, d.Subject, files.Texts)
		}
		for name, v := range m.Variables {
			for _, a := range []variable.Value{values[name], variable.Entered(string(data))} {
				if val, err := a.Parse(v); err == nil {
					_, _ = v.Given(val)
				}
			}
		}
	})
}

// cpuTime returns the processor time that the process has used. Unlike the time on a clock it does not depend on how busy the
// host is.
func cpuTime(t interface{ Fatal(...any) }) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
