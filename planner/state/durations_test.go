package state

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kukeon/kuke/config/resource"
)

func TestDurations(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, "m", "m/s", "m/s/t", "m/s/t/c", "m/s/t/c/a", "m/s/t/c/b")
	s, _, _ := open(t, dir)
	took := func(op string, p resource.Path, d time.Duration) Duration { return Duration{Op: op, Path: p, Took: d} }
	if err := s.RecordDurations([]Duration{
		took("create", "m/s/t/c/a", 2*time.Second), took("create", "m/s/t/c/b", 4*time.Second), took("create", "m/s", 10*time.Millisecond),
		took("pull", "", time.Minute), took("delete", "m/s/t/c/gone", time.Hour),
	}); err != nil {
		t.Fatal(err)
	}
	// The second apply counts as much as the first.
	must(t, s.RecordDurations([]Duration{took("create", "m/s/t/c/a", 4*time.Second)}))
	info, err := os.Stat(filepath.Join(dir, durationsName))
	if err != nil || info.Mode().Perm() != fileMode {
		t.Fatalf("the file: %v, %v", info, err)
	}
	for _, test := range []struct {
		op   string
		path resource.Path
		want time.Duration
		ok   bool
	}{
		{"create", "m/s/t/c/a", 3 * time.Second, true},
		{"create", "m/s/t/c/b", 4 * time.Second, true},
		{"create", "m/s/t/c/new", 3500 * time.Millisecond, true},
		{"create", "n/s", 10 * time.Millisecond, true},
		{"create", "n/s/t", 0, false},
		{"delete", "m/s/t/c/a", 0, false}, // the path that it was recorded for has no record
		{"pull", "", time.Minute, true},
		{"image", "", 0, false},
	} {
		if got, ok := NewStore(dir).Durations().Estimate(test.op, test.path); got != test.want || ok != test.ok {
			t.Errorf("%s %s: %v, %v; want %v, %v", test.op, test.path, got, ok, test.want, test.ok)
		}
	}
	if got, ok := (Durations{}).Estimate("create", "m"); ok {
		t.Errorf("the zero value estimates %v", got)
	}
}

// The file goes with the last record, and no file that is lost or broken is an error.
func TestDurationsAreHints(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, durationsName)
	fill(t, dir, "m", "m/s")
	s, _, _ := open(t, dir)
	took := []Duration{{Op: "create", Path: "m", Took: time.Second}}
	for _, content := range []string{"", "\x00\x00", "[]", `{"format_version":99,"milliseconds":{"create":{"m":1}}}`, `{"format_version":1,"milliseconds":{"create":{"../x":1,"m":-5}}}`} {
		must(t, os.WriteFile(file, []byte(content), fileMode))
		if got, ok := s.Durations().Estimate("create", "m"); ok {
			t.Errorf("%q estimates %v", content, got)
		}
		if err := s.RecordDurations(took); err != nil {
			t.Errorf("%q: %v", content, err)
		}
		if got, ok := s.Durations().Estimate("create", "m"); got != time.Second || !ok {
			t.Errorf("after %q: %v, %v", content, got, ok)
		}
	}
	// A symbolic link is replaced, not followed.
	other := filepath.Join(t.TempDir(), "other")
	must(t, os.WriteFile(other, []byte("keep"), fileMode))
	must(t, os.Remove(file))
	must(t, os.Symlink(other, file))
	if err := s.RecordDurations(took); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(other); string(data) != "keep" || err != nil {
		t.Errorf("the target of the link holds %q, %v", data, err)
	}
	for _, p := range []resource.Path{"m/s", "m"} {
		must(t, s.Delete(p))
	}
	must(t, s.Commit())
	must(t, s.RecordDurations(took))
	if entries, err := os.ReadDir(dir); len(entries) > 0 || err != nil {
		t.Errorf("left: %v, %v", entries, err)
	}
}
