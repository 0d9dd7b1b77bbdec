package view

import (
	"encoding/json"
	"testing"

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
