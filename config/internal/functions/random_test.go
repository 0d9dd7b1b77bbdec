package functions

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/internal/sandbox"
)

// anyValue makes small values of all kinds: odd texts and numbers, null, unknown, marked, and some within others.
func anyValue(depth int) *rapid.Generator[cty.Value] {
	return rapid.Custom(func(t *rapid.T) cty.Value {
		kinds := 8
		if depth > 0 {
			kinds = 13
		}
		within := func() []cty.Value { return rapid.SliceOfN(anyValue(depth-1), 0, 3).Draw(t, "within") }
		switch rapid.IntRange(0, kinds).Draw(t, "kind") {
		case 0, 1:
			return cty.StringVal(rapid.SampledFrom(oddTexts).Draw(t, "text"))
		case 2:
			return cty.StringVal(rapid.String().Draw(t, "string"))
		case 3, 4:
			return cty.MustParseNumberVal(rapid.SampledFrom([]string{"0", "1", "-1", "2", "10", "1.5", "64", "1e300", "-1e300", "1e-300", "1e5000"}).Draw(t, "number"))
		case 5:
			return cty.BoolVal(rapid.Bool().Draw(t, "bool"))
		case 6:
			return cty.NullVal(rapid.SampledFrom([]cty.Type{cty.String, cty.Number, cty.DynamicPseudoType, cty.List(cty.String)}).Draw(t, "null"))
		case 7:
			return cty.UnknownVal(rapid.SampledFrom([]cty.Type{cty.String, cty.Number, cty.DynamicPseudoType, cty.List(cty.String), cty.Map(cty.String)}).Draw(t, "unknown"))
		case 8:
			return cty.StringVal("secret").Mark(Sensitive)
		case 9:
			return cty.TupleVal(within())
		case 10, 11:
			attributes := map[string]cty.Value{}
			for i, v := range within() {
				attributes[string(rune('a'+i))] = v
			}
			return cty.ObjectVal(attributes)
		default:
			v := anyValue(depth-1).Draw(t, "marked")
			return v.Mark(Sensitive)
		}
	})
}

var oddTexts = []string{
	"", "a", "b", "\n", "-1", "1", "%s %d", "%[9]v", "%-+ #05.3q", "/a/", "/(/", "(", "(?P<a>.)", "$1", "$", "10.0.0.0/8", "::/0",
	"10.0.0.1", "2017-11-22T00:00:00Z", "10m", "YYYY 'x", "dns", "UTF-16LE", "{\"a\":[1]}", "a: [1, *b]", "a,b\n1,2", "SGk=",
	"a.txt", "../x", "**", "{a,b}*", "[", "~", "~x", "${a}", "%{ for x in a }${x}%{ endfor }", "true", "\x00", "👾🕹️", "1e99999",
}

// TestRandom calls each function with random arguments that fit its parameters. None may panic, and none may drop the mark of
// a sensitive value.
func TestRandom(t *testing.T) {
	dir := writeFiles(t)
	table := Table(sandbox.Files{Dir: dir, Root: dir})
	names := slices.Sorted(maps.Keys(table))
	rapid.Check(t, func(t *rapid.T) {
		for _, name := range names {
			f := table[name]
			args := drawArgs(t, f)
			start := cpuTime(t)
			v, err := f.Call(args)
			if took := cpuTime(t) - start; took > 20*time.Second {
				t.Fatalf("%s(%#v) took %s", name, args, took)
			}
			var p function.PanicError
			if errors.As(err, &p) {
				t.Fatalf("%s(%#v): %s", name, args, err)
			}
			if err == nil && v == cty.NilVal {
				t.Fatalf("%s(%#v) is nothing", name, args)
			}
		}
	})
}

func drawArgs(t *rapid.T, f function.Function) []cty.Value {
	params := f.Params()
	if rest := f.VarParam(); rest != nil {
		for range rapid.IntRange(0, 3).Draw(t, "more") {
			params = append(params, *rest)
		}
	}
	args := make([]cty.Value, len(params))
	for i, param := range params {
		if param.Type == customdecode.ExpressionClosureType {
			source := rapid.SampledFrom([]string{"1", "x", "[1].a", "null"}).Draw(t, "expression")
			expr, _ := hclsyntax.ParseExpression([]byte(source), "", hcl.InitialPos)
			args[i] = customdecode.ExpressionClosureVal(&customdecode.ExpressionClosure{Expression: expr, EvalContext: &hcl.EvalContext{}})
			continue
		}
		// As HCL does, before it calls a function.
		v := anyValue(3).Draw(t, "arg")
		converted, err := convert.Convert(v, param.Type)
		if err != nil {
			converted = cty.UnknownVal(param.Type)
		}
		args[i] = converted
	}
	return args
}

// TestRandomMarks calls each function with all of its arguments sensitive: then so is the result.
func TestRandomMarks(t *testing.T) {
	dir := writeFiles(t)
	table := Table(sandbox.Files{Dir: dir, Root: dir})
	open := []string{"can", "try", "issensitive", "nonsensitive"} // try is tested in TestMarks
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(table)), func(name string) bool { return slices.Contains(open, name) })
	rapid.Check(t, func(t *rapid.T) {
		for _, name := range names {
			args := drawArgs(t, table[name])
			for i := range args {
				args[i] = args[i].Mark(Sensitive)
			}
			v, err := table[name].Call(args)
			if err == nil && len(args) > 0 && !IsSensitive(v) {
				t.Fatalf("%s(%#v) is %#v, and not sensitive", name, args, v)
			}
		}
	})
}

func FuzzTemplate(f *testing.F) {
	for _, seed := range oddTexts {
		f.Add(seed)
	}
	for _, seed := range []string{"${upper(a)}", "%{ if b }x%{ else }y%{ endif }", "${[for x in l : x...]}", "${{a = 1}.a}", "${l[*]}", "%{ for k, v in o ~}", "${format(a, l...)}", "${jsonencode(o)}", "${a + 1}", "${try(a.b, l)}", "$${a}", "${\"${a}\"}"} {
		f.Add(seed)
	}
	dir := writeFiles(f)
	render := Table(sandbox.Files{Dir: dir, Root: dir})["templatestring"]
	vars := cty.ObjectVal(map[string]cty.Value{
		"a": cty.StringVal("text"), "b": cty.True, "l": cty.ListVal([]cty.Value{cty.Zero, cty.StringVal("1")}[:1]),
		"o": cty.ObjectVal(map[string]cty.Value{"k": cty.NullVal(cty.String)}),
	})
	f.Fuzz(func(t *testing.T, source string) {
		start := cpuTime(t)
		_, err := render.Call([]cty.Value{cty.StringVal(source), vars})
		var p function.PanicError
		if errors.As(err, &p) {
			t.Fatal(err)
		}
		if took := cpuTime(t) - start; took > 20*time.Second {
			t.Fatalf("took %s", took)
		}
	})
}
