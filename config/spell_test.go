package config

import (
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/internal/lang"
	"github.com/kukeon/kuke/config/internal/source"
)

// What an expression gives is shown as by Terraform's console, from which these were taken.
func TestEvaluate(t *testing.T) {
	c, diags := lang.LoadFiles(Input{}, []source.File{{Name: "main.hcl", Data: []byte("variable \"key\" {\n  default   = \"k\"\n  sensitive = true\n}\nrealm \"main\" {\n  space \"s\" {\n    stack \"t\" {\n      cell \"c\" {}\n    }\n  }\n}\n")}}, nil)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	for _, e := range [][2]string{
		{`"a\"b\t${1}"`, `"a\"b\t1"`},
		{`"$${x} %%{y} $$"`, `"${x} %{y} $$"`},
		{`"a\nb\n"`, "<<EOT\na\nb\n\nEOT"},
		{`["a\n EOT\n"]`, "[\n  <<-EOT_\n  a\n   EOT\n  \n  EOT_,\n]"},
		{`"\u001b[31m\n"`, `"\x1b[31m\n"`},
		{`1e21`, `1000000000000000000000`},
		{`-0.5`, `-0.5`},
		{`!true`, `false`},
		{`null`, `null`},
		{`[]`, `[]`},
		{`{}`, `{}`},
		{`{ a = [1, null], "b c" = {} }`, "{\n  \"a\" = [\n    1,\n    null,\n  ]\n  \"b c\" = {}\n}"},
		{`[tolist(["a"]), toset([]), tomap({ a = true })]`, "[\n  tolist([\n    \"a\",\n  ]),\n  toset([]),\n  tomap({\n    \"a\" = true\n  }),\n]"},
		{`[tostring(null), tolist(null), true ? null : {}]`, "[\n  tostring(null),\n  tolist(null) /* of dynamic */,\n  null /* object */,\n]"},
		{`{ a = var.key, b = cell.c.address }`, "{\n  \"a\" = (sensitive value)\n  \"b\" = (known once planned)\n}"},
		{`type("a")`, `string`},
		{`type(var.key)`, `string`},
		{`type(cell.c.address)`, `string`},
		{`type(null)`, `dynamic`},
		{`type([1, {}, []])`, "tuple([\n    number,\n    object({}),\n    tuple([]),\n])"},
		{`type(tolist([tomap({ a = { b = true } })]))`, "list(map(\n    object({\n        b: bool,\n    }),\n))"},
		{`core::upper("a")`, `"A"`},
		{`"${type(1)}"`, `"number"`},
		{"<<EOT\na\nEOT", "<<EOT\na\n\nEOT"},
	} {
		got, diags := c.Evaluate(e[0])
		if len(diags) > 0 || got != e[1] {
			t.Errorf("%s: got\n%s\nwant\n%s\n%v", e[0], got, e[1], diags)
		}
	}
}

func TestUnfinished(t *testing.T) {
	for text, want := range map[string]string{
		"1 +\n": "", "[\n": "[", "[1]\n": "", "f(\n{ a = [\n]": "({", "}\n": "", "}{\n": "",
		"<<EOT\na (\n": "<<EOT\n", "<<EOT\na (\nEOT\n": "", "[<<-E\n${[\n]}\n  E\n": "[", "<<EOT\r\nEOT\r\n": "",
		"\"(\n": "", "\"${upper(\n": "\"${(", "\"${upper(\n\"a\")}\"\n": "", "\"%{ if (\n": "\"%{(", "\"${upper(\n)}\n": "",
		"1 # [ (\n": "", "[ # ]\n": "[", "1 /* (\n": "/*", "(1 /* \" )\n [ \" */\n": "(", "(1 /* \" )\n [ \" */)\n": "", "1 / *\n": "",
		strings.Repeat("(\n", source.MaxNesting): strings.Repeat("(", source.MaxNesting), strings.Repeat("(", source.MaxNesting+1): "",
	} {
		got := ""
		for line := range strings.Lines(text) {
			got = Unfinished(got, line)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
