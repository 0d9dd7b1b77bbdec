package view

import (
	"encoding/json"
	"testing"

	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Outputs are shown as Terraform shows its own.
func TestOutputText(t *testing.T) {
	for _, c := range [][3]string{
		{`"string"`, `"a b"`, `"a b"`},
		{`"string"`, `"a\nb"`, "<<EOT\na\nb\nEOT"},
		{`"string"`, `"\u001b[31m"`, `"\x1b[31m"`},
		{`"number"`, `1.5`, `1.5`},
		{`["set","string"]`, `["a"]`, "toset([\n  \"a\",\n])"},
		{`["object",{"a":"number","b":["tuple",["bool"]]}]`, `{"a":1,"b":[true]}`, "{\n  \"a\" = 1\n  \"b\" = [\n    true,\n  ]\n}"},
		{`"dynamic"`, `{"value":null,"type":"dynamic"}`, `null`},
		{`"nonsense"`, `1`, `1`},
	} {
		if got := outputText(&state.Output{Type: json.RawMessage(c[0]), Value: json.RawMessage(c[1])}); got != c[2] {
			t.Errorf("%s is\n%s\nwant\n%s", c[1], got, c[2])
		}
	}
	if got := outputText(&state.Output{Sensitive: true}); got != "(sensitive value)" {
		t.Errorf("a sensitive output is %s", got)
	}
}

// Of a changed collection or text there are the lines that differ, and not the whole value twice.
func TestOutputChanges(t *testing.T) {
	output := func(ty, value string) *state.Output {
		return &state.Output{Type: json.RawMessage(ty), Value: json.RawMessage(value)}
	}
	list := func(value string) *state.Output { return output(`["list","string"]`, value) }
	text := func(value string) *state.Output { return output(`"string"`, value) }
	const want = `
Changes to outputs:
  ~ list = tolist([
        (2 unchanged lines hidden)
        "c",
        "d",
      - "e",
      + "E",
      + "f",
    ])
  ~ text = <<EOT
          two
      - one
      + uno
    EOT
  ~ first = tolist([]) -> tolist([
      "a",
    ])
  ~ plain = "a" -> "b"
`
	b := &page{}
	newView(nil, false).ink.outputChanges(b, []plan.OutputChange{
		{Name: "list", Before: list(`["a","b","c","d","e"]`), After: list(`["a","b","c","d","E","f"]`)},
		{Name: "text", Before: text(`"  two\none"`), After: text(`"  two\nuno"`)},
		{Name: "first", Before: list(`[]`), After: list(`["a"]`)},
		{Name: "plain", Before: text(`"a"`), After: text(`"b"`)},
	})
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
