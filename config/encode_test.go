package config

import (
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/internal/write"
	"github.com/kukeon/kuke/config/resource"
)

// valid holds texts in normal form that keep the rule of a check.
var valid = map[string][]string{
	"abspath": {"/a", "/a b/${c}"}, "port": {"80", "8080:80/udp"}, "egressport": {"443", "53/udp"}, "subnet": {"10.1.2.0/24"},
	"ipv4": {"10.1.2.3"}, "cidr": {"10.0.0.0/8"}, "verdict": {"deny"}, "condition": {"healthy", "completed"}, "device": {"/dev/a", "/dev/a:/dev/b:r"},
	"name": {"a", "b", "c-d"}, "cell": {"r/s/t/c", "r/s/t/d"}, "capability": {"ALL", "CHOWN"}, "securityopt": {"seccomp=unconfined", "apparmor=x"},
	"pullpolicy": {"always", "never"}, "restartpolicy": {"always", "on-failure:3"}, "signal": {"SIGTERM", "SIGHUP"},
	"user": {"app", "1000:1000"}, "tmpfsoption": {"noexec", "mode=1777"},
	"sealed": {resource.SealKey("key").Seal("a"), resource.SealKey("key").Seal("b")},
}

// anyText is what is special in HCL.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-c]{1,2}`),
		rapid.SampledFrom([]string{"true", "null", "for", "1", "0x1f", "${a}", "$${a}", "%{if}", "%%{", "$", "\"", "\\", "\n", "a\nb\n", "\t", "\r", "\x01", "\u2028", "é", "<<EOT\nx\nEOT", "# x", "// x", "/* x", " x ", "=", "}", "\U0001F600", "\u200f"}),
		// What is special in YAML.
		rapid.SampledFrom([]string{"~", "1e3", "0o7", "1_0", "no", "=", "<<", "2020-01-01", "8080:80", "- a", "a: b", "a #b", "'", "%", "{}", "*a", "&a", "!!str", "|", ">-", "---", "...", "\x7f", "\u0085", "\ufeff", "\uffff", "\u00a0", "a\n b\n\n", "\n\na", " a\nb", "a \nb", "\ta\nb", "a\n\tb", "a\r\nb"}),
	)
}

func textOf(a *resource.Attribute) *rapid.Generator[string] {
	if a.Check != "" && a.Check != "argument" {
		return rapid.SampledFrom(valid[a.Check])
	}
	return anyText()
}

func setAny(t *rapid.T, a *resource.Attribute, v reflect.Value) {
	switch a.Type {
	case resource.TypeString:
		v.SetString(textOf(a).Draw(t, a.Name))
	case resource.TypeBool:
		v.SetBool(rapid.Bool().Draw(t, a.Name))
	case resource.TypeInt, resource.TypeBytes:
		most := int64(1) << 60
		if a.HasRange && a.Max < float64(most) {
			most = int64(a.Max)
		}
		n := rapid.OneOf(rapid.Int64Range(int64(a.Min), most), rapid.SampledFrom([]int64{1 << 20 / (1 << 20) * int64(a.Min), most})).Draw(t, a.Name)
		if a.Type == resource.TypeBytes && rapid.Bool().Draw(t, "round") {
			n = rapid.Int64Range(1, 5000).Draw(t, "n") << rapid.SampledFrom([]int{20, 25, 30, 40}).Draw(t, "unit")
		}
		if v.Kind() == reflect.Pointer {
			v.Set(reflect.ValueOf(&n))
		} else {
			v.SetInt(n)
		}
	case resource.TypeFloat:
		v.SetFloat(rapid.OneOf(rapid.SampledFrom([]float64{0.5, 1, 0.1}), rapid.Float64Range(a.Min, a.Max)).Draw(t, a.Name))
	case resource.TypeList:
		v.Set(reflect.ValueOf(rapid.SliceOfN(textOf(a), 1, 3).Draw(t, a.Name)))
	case resource.TypeSet:
		members := rapid.SliceOfNDistinct(textOf(a), 1, 2, rapid.ID).Draw(t, a.Name)
		sort.Strings(members)
		v.Set(reflect.ValueOf(members))
	case resource.TypeMap:
		v.Set(reflect.ValueOf(rapid.MapOfN(rapid.SampledFrom([]string{"a", "for", "null", "true", "a.b/c", "${x}", "\"", "1", "a b"}), anyText(), 1, 3).Draw(t, a.Name)))
	case resource.TypePairs:
		m := rapid.MapOfN(rapid.SampledFrom([]string{"A", "for", "null", "_"}), anyText(), 1, 3).Draw(t, a.Name)
		v.Set(reflect.ValueOf(m).Convert(v.Type()))
	case resource.TypeObject:
		object := reflect.New(v.Type().Elem())
		setSome(t, a.Fields, object)
		if !object.Elem().IsZero() {
			v.Set(object)
		}
	case resource.TypeObjects:
		key := resource.FindAttribute(a.Fields, a.Key)
		keys := rapid.SliceOfNDistinct(textOf(key), 1, 2, rapid.ID).Draw(t, a.Name)
		sort.Strings(keys)
		for _, k := range keys {
			element := reflect.New(v.Type().Elem()).Elem()
			setSome(t, a.Fields, element)
			key.Field(element).SetString(k)
			v.Set(reflect.Append(v, element))
		}
	default:
		t.Fatalf("no value of type %s", a.Type)
	}
}

func setSome(t *rapid.T, attrs []*resource.Attribute, of reflect.Value) {
	for _, a := range attrs {
		if a.Required || rapid.Bool().Draw(t, "sets "+a.Name) {
			setAny(t, a, a.Field(of))
		}
	}
}

// Whatever the specs are, what is encoded is decoded as the same.
func TestEncodeHCLProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := randomTree(t)
		text := write.EncodeHCL(tree)
		var diags resource.Diagnostics
		e := newEvaluator(Input{}, &diags)
		m := module.New("")
		m.Read([]source.File{{Name: "x.hcl", Data: text, Named: true}}, e.sources, &diags)
		e.instantiate(m, "").declareModule()
		decls := e.declared
		decodedAs(t, tree, decls, diags, text)
	})
}

// The same for YAML.
func TestEncodeYAMLProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := randomTree(t)
		text := write.EncodeYAML(tree)
		var diags resource.Diagnostics
		decls := schema.ReadManifests("x.yaml", text, &diags)
		decodedAs(t, tree, decls, diags, text)
	})
}

// randomTree returns one resource of each kind, or leaves it out.
func randomTree(t *rapid.T) *resource.Tree {
	tree := resource.NewTree()
	p := resource.Path("")
	for _, k := range resource.Kinds {
		p = p.Join("a")
		if k != resource.KindContainer && !rapid.Bool().Draw(t, "has a "+k.Lower()) {
			continue
		}
		r := &resource.Resource{Path: p, Spec: resource.NewSpec(k), External: rapid.IntRange(0, 5).Draw(t, "external") == 0}
		setSome(t, k.Attributes(), reflect.ValueOf(r.Spec))
		tree.Add(r)
	}
	return tree
}

// decodedAs sees that the declarations in text are those of the tree.
func decodedAs(t *rapid.T, tree *resource.Tree, decls []*schema.Declaration, diags resource.Diagnostics, text []byte) {
	if len(decls) != tree.Len() {
		t.Fatalf("%v\n%s", diags, text)
	}
	for _, d := range decls {
		want := tree.Resource(d.Path)
		// The bare spec, without what a whole configuration adds to it and asks of it.
		diags = nil
		got := d.Bare(&diags).Spec
		if diags.HasErrors() || d.External != want.External || !reflect.DeepEqual(got, want.Spec) {
			t.Fatalf("%v\n%s\n got %+v\nwant %+v", diags, text, got, want.Spec)
		}
	}
}

// The files of the golden configurations are, encoded again, the same tree; how that looks is in testdata/encode.
func TestEncodeGolden(t *testing.T) {
	for _, name := range []string{"every-field.hcl", "every-field.yaml", "hello-seed", "external"} {
		archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		var found []source.File
		for _, f := range archive.Files {
			if f.Name != "want" {
				found = append(found, source.File{Name: f.Name, Data: f.Data, Named: true})
			}
		}
		tree, _, diags := loadTree(found, nil)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		checkEncoded(t, tree, "again.hcl", write.EncodeHCL(tree), name+".want")
		if name != "every-field.hcl" { // which is the very tree of every-field.yaml
			checkEncoded(t, tree, "again.yaml", write.EncodeYAML(tree), strings.TrimSuffix(name, ".yaml")+".yaml")
		}
	}
}

// checkEncoded sees that text, read as a file called name, is the tree, and looks as testdata/encode has it.
func checkEncoded(t *testing.T, tree *resource.Tree, name string, text []byte, golden string) {
	t.Helper()
	again, _, diags := loadTree([]source.File{{Name: name, Data: text, Named: true}}, nil)
	if diags.HasErrors() {
		t.Fatalf("%s: %v\n%s", golden, diags, text)
	}
	sameTree(t, tree, again)
	golden = filepath.Join("testdata", "encode", golden)
	if *update {
		if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != string(text) {
		t.Errorf("%s: %v\n%s", golden, err, text)
	}
}
