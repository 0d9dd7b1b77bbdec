package resource

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestCPUSet(t *testing.T) {
	for text, want := range map[string]string{"0": "0", "3, 0-1,1-2": "0-3", "8,0-3": "0-3,8", "5,7,9": "5,7,9", "0-0": "0"} {
		all, err := ParseCPUSet(text)
		if got := FormatCPUSet(all); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", "a", "0-", "-1", "3-1", "0,,1", "8192", "0-99999999999"} {
		if all, err := ParseCPUSet(text); err == nil {
			t.Errorf("%q: %v", text, all)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfNDistinct(rapid.IntRange(0, 100), 1, 20, rapid.ID).Draw(t, "processors")
		slices.Sort(want)
		if got, err := ParseCPUSet(FormatCPUSet(want)); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v, %v, want %v", got, err, want)
		}
	})
}

func TestUlimitText(t *testing.T) {
	for text, want := range map[string]Ulimit{"1:2": {1, 2}, "-1:-1": {Unlimited, Unlimited}} {
		if got, err := ParseUlimit(text); err != nil || got != want || got.String() != text {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1", "a:1", "1:a", "1:"} {
		if got, err := ParseUlimit(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}
