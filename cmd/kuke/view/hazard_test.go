package view

import (
	"bytes"
	"encoding/json"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner/state"
)

// hazards turn the direction of writing, begin a sequence, and ring the bell.
const hazards = "a\u202eb\u2066c\u009bd\x1b[2Je\af"

func isHarmless(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if hazardous(r) {
			t.Errorf("%q holds %U", text, r)
		}
	}
}

func TestManifestsAreHarmless(t *testing.T) {
	var out bytes.Buffer
	r := &state.Record{Path: "m/s/t/c/x", Spec: &resource.Container{Image: hazards, Args: []string{hazards, "two\nlines" + hazards}, Env: resource.Env{"A": hazards}}}
	data, err := state.EncodeManifest(r)
	if err != nil {
		t.Fatal(err)
	}
	v := newView(&out, false)
	v.Manifest(string(data))
	isHarmless(t, out.String())
	var before, after any
	if err := yaml.Unmarshal(data, &before); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(out.Bytes(), &after); err != nil {
		t.Fatal(err)
	}
	x, _ := json.Marshal(before)
	y, _ := json.Marshal(after)
	if !bytes.Equal(x, y) {
		t.Errorf("printed %s, want %s", y, x)
	}

	out.Reset()
	if err := v.JSON(map[string]string{"a": hazards}); err != nil {
		t.Fatal(err)
	}
	isHarmless(t, out.String())
	var again map[string]string
	if err := json.Unmarshal(out.Bytes(), &again); err != nil || again["a"] != hazards {
		t.Errorf("%q, %v", again, err)
	}
}

func TestLogsOnATerminalAreHarmless(t *testing.T) {
	var out bytes.Buffer
	v := newView(&out, false)
	l := v.Log(v, []string{"c"}, false)
	l.Print(0, executor.LogEntry{Text: hazards})
	if out.String() != hazards+"\n" {
		t.Errorf("in a file: %q", out.String())
	}
	out.Reset()
	v.terminal = true
	l.Print(0, executor.LogEntry{Text: "\x1b[31mred\x1b[0m\t" + hazards + "\r"})
	if want := "\x1b[31mred\x1b[0m\ta\ufffdb\ufffdc\ufffdd\ufffd[2Je\ufffdf\n"; out.String() != want {
		t.Errorf("on a terminal: %q, want %q", out.String(), want)
	}
}

// A value with a character that no reader sees does not look like the value without it.
func TestInvisibleCharacters(t *testing.T) {
	for _, r := range []rune{0x00AD, 0x200B, 0x200D, 0x2028, 0x2060, 0x202E, 0xFEFF, 0xE0041} {
		if got := visible("ad" + string(r) + "min"); got != "ad\uFFFDmin" {
			t.Errorf("%U is shown as %q", r, got)
		}
	}
	if got := spelledLine("a\u2028\x1bb"); got != "a\uFFFD\\u001bb" {
		t.Errorf("a line of a text is shown as %q", got)
	}
	if got := visible("ö 日本 é 🐳\n"); got != "ö 日本 é 🐳\n" {
		t.Errorf("visible characters are shown as %q", got)
	}
}
