package help

import "testing"

func TestWrap(t *testing.T) {
	const text = "A line that\ngoes on for long.\n\nA list:\n  first entry that is longer\n  b  second entry that is longer\n\n\tcode that is longer than that\nend"
	const want = "A line that goes on\nfor long.\n\nA list:\n  first entry that\n  is longer\n  b  second entry\n     that is longer\n\n\tcode that is longer than that\nend"
	if got := Wrap(text, 20); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := Entry("plan", "Show the changes", 28); got != "  plan          Show the\n                changes\n" {
		t.Errorf("got\n%s", got)
	}
	if got := Wrap("  -n, --name name   name of it", 24); got != "  -n, --name name\n        name of it" {
		t.Errorf("got\n%s", got)
	}
	if got := Wrap("see a/b.c|d:e", 6); got != "see a/\nb.c|d:\ne" {
		t.Errorf("got\n%s", got)
	}
}
