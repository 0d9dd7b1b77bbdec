package view

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Of a long line, the place is shown with the text around it.
func TestExcerpt(t *testing.T) {
	for _, c := range []struct {
		before, place, after string
		want                 string
	}{
		{"a = ", "b", " + 1", "a = b + 1"},
		{"", "b", strings.Repeat("x", 160), "b" + strings.Repeat("x", 159) + "…"},
		{strings.Repeat("é", 200), "b", "!", "…" + strings.Repeat("é", 158) + "b!"},
		{strings.Repeat("x", 200), "b", strings.Repeat("y", 200), "…" + strings.Repeat("x", 60) + "b" + strings.Repeat("y", 99) + "…"},
		{"a = ", strings.Repeat("b", 200), "", "a = " + strings.Repeat("b", 156) + "…"},
	} {
		line, prefix, length := excerpt(c.before+c.place+c.after, c.before, utf8.RuneCountInString(c.place))
		rest, ok := strings.CutPrefix(line, prefix)
		if line != c.want || !ok || !strings.HasPrefix(rest, c.place[:length]) {
			t.Errorf("%q with %q and %d marked, want %q", line, prefix, length, c.want)
		}
	}
}

// What it takes to show diagnostics grows as they do, also when each has its place in the same long file.
func TestDiagnosticsGrowth(t *testing.T) {
	allocated := func(count int) uint64 {
		var ds resource.Diagnostics
		for line := 1; line <= count; line++ {
			ds.Errorf(resource.Range{File: "a.yaml", Start: resource.Pos{Line: line, Column: 1}, End: resource.Pos{Line: line, Column: 5}}, "", "Duplicate resource", "Again")
		}
		sources := map[string][]byte{"a.yaml": bytes.Repeat([]byte("name: main\n"), count)}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		v := newView(io.Discard, false)
		v.Diagnostics(ds, sources)
		if err := v.ValidationJSON(ds, sources); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	const times = 8
	if few, many := allocated(500), allocated(500*times); many > 2*times*few {
		t.Errorf("%d bytes for %d times as many as took %d", many, times, few)
	}
}

// One empty line separates warnings from all that follows them.
func TestWarningsAreApart(t *testing.T) {
	var out bytes.Buffer
	v := newView(&out, false)
	warning := resource.Diagnostics{{Severity: resource.Warning, Summary: "Odd", Detail: "It is odd."}}
	v.Diagnostics(warning, nil)
	v.Diagnostics(warning, nil)
	v.Plan(&plan.Plan{Unchanged: make([]*state.Record, 1)})
	v.Diagnostics(warning, nil)
	v.Error(errors.New("bad"), nil)
	const odd = "\nWarning: Odd\n\n  It is odd.\n"
	want := odd + odd + "\nNo changes. The host matches the configuration (1 resource compared).\n" + odd + "\nError: bad\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
