package view

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// Of a long line, the place is shown with what is around it.
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
