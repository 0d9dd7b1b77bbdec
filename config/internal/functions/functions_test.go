package functions

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/kukeon/kuke/config/internal/sandbox"
)

// writeFiles returns the directory of a configuration, in one that has more.
func writeFiles(t testing.TB) string {
	t.Helper()
	outer, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(outer, "config")
	for name, content := range map[string]string{
		"../outside.txt": "out",
		"a.txt":          "Hello World",
		"again.tftpl":    `${templatefile("a.txt", {})}`,
		"binary":         "\xff",
		"greet.tftpl":    "%{ for name in names ~}\nHi ${name}!\n%{ endfor ~}\n",
		"secret.tftpl":   "${secret}",
		"sub/b.txt":      "b",
		"sub/deep/c.txt": "c",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"leak": "../outside.txt", "leakdir": "..", "link": "a.txt", "nowhere": "../nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// evaluate returns the value of an expression that may use dir, home, secret and t.
func evaluate(t testing.TB, f sandbox.Files, expr string) (cty.Value, error) {
	t.Helper()
	parsed, diags := hclsyntax.ParseExpression([]byte(expr), "test", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %s", expr, diags)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	v, diags := Bounded(parsed).Value(&hcl.EvalContext{Functions: Table(f), Variables: map[string]cty.Value{
		"dir":     cty.StringVal(f.Dir),
		"home":    cty.StringVal(home),
		"secret":  cty.StringVal("secret").Mark(Sensitive),
		"t":       cty.StringVal("${templatestring(t, {t = t})}"),
		"unknown": cty.UnknownVal(cty.String),
	}})
	if diags.HasErrors() {
		return v, diags
	}
	return v, nil
}

func text(t testing.TB, v cty.Value) string {
	t.Helper()
	v, _ = v.UnmarkDeep()
	data, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestFunctions(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	dir := writeFiles(t)
	for _, c := range cases {
		v, err := evaluate(t, sandbox.Files{Dir: dir, Root: dir}, c[0])
		message, wantError := strings.CutPrefix(c[1], "error: ")
		switch {
		case wantError && err == nil:
			t.Errorf("%s is %s, want an error with %q", c[0], text(t, v), message)
		case wantError && !strings.Contains(err.Error(), message):
			t.Errorf("%s: error %q, want %q in it", c[0], err, message)
		case !wantError && err != nil:
			t.Errorf("%s: %s", c[0], err)
		case !wantError && text(t, v) != c[1]:
			t.Errorf("%s is %s, want %s", c[0], text(t, v), c[1])
		}
	}
}

// TestCases fails for a function that no case calls, and for one that is said not to be there.
func TestCases(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(Table(sandbox.Files{}))) {
		if !slices.ContainsFunc(cases, func(c [2]string) bool {
			return strings.Contains(c[0], name+"(") && !strings.HasPrefix(c[1], "error: ")
		}) {
			t.Errorf("no case calls %s", name)
		}
		if Excluded(name) != "" {
			t.Errorf("%s is excluded, but there", name)
		}
	}
	for name, why := range excluded {
		if Excluded(name) != why || why == "" || strings.HasSuffix(why, ".") {
			t.Errorf("the reason for %s is %q", name, why)
		}
	}
	if Excluded("nonsense") != "" {
		t.Error("a name that nobody knows is excluded")
	}
}

func TestOutside(t *testing.T) {
	dir := writeFiles(t)
	for expr, want := range map[string]string{
		`file("../outside.txt")`:          `"out"`,
		`file("leak")`:                    `"out"`,
		`fileset("..", "*")`:              `["outside.txt"]`,
		`fileexists("../none")`:           `false`,
		`fileexists("nowhere")`:           `false`,
		`filesha1("leak") == sha1("out")`: `true`,
	} {
		v, err := evaluate(t, sandbox.Files{Dir: dir, Root: dir, Outside: true}, expr)
		if err != nil {
			t.Errorf("%s: %s", expr, err)
		} else if text(t, v) != want {
			t.Errorf("%s is %s, want %s", expr, text(t, v), want)
		}
	}
	// A module may read the files beside it, within the configuration.
	v, err := evaluate(t, sandbox.Files{Dir: filepath.Join(dir, "sub"), Root: dir}, `file("../a.txt")`)
	if err != nil || text(t, v) != `"Hello World"` {
		t.Errorf("from a module: %v, %v", v, err)
	}
	if _, err := evaluate(t, sandbox.Files{Dir: dir, Root: dir}, `fileexists("nowhere")`); err == nil {
		t.Error("told whether there is a file outside")
	}
}
