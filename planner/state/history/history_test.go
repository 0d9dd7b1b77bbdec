package history

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func begin(t *testing.T, l *Log) uint64 {
	t.Helper()
	n, err := l.Begin(Begin{Time: at, User: "alice", Command: "kuke apply", Project: "shop", Plan: "sha256:1", Planned: Counts{"added": 2}}, []byte("the plan"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func read(t *testing.T, l *Log) []Entry {
	t.Helper()
	entries, unreadable, err := l.Read()
	if err != nil || unreadable != 0 {
		t.Fatalf("read: %d unreadable lines, %v", unreadable, err)
	}
	return entries
}

// An entry has its outcome once it ended, and none before.
func TestEntry(t *testing.T) {
	l := New(t.TempDir())
	if n := begin(t, l); n != 1 {
		t.Errorf("the first entry is %d", n)
	}
	if got := read(t, l); len(got) != 1 || got[0].Outcome != Unfinished || got[0].User != "alice" || got[0].Planned["added"] != 2 {
		t.Errorf("begun: %+v", got)
	}
	end := End{Outcome: Incomplete, Done: Counts{"added": 1}, Failed: []Failure{{About: "main/s/t/c/web", Operation: "start", Error: strings.Repeat("é", maxText)}}, SerialAfter: 2}
	if err := l.End(1, at, end); err != nil {
		t.Fatal(err)
	}
	got := read(t, l)
	if len(got) != 1 || got[0].Outcome != Incomplete || got[0].Done["added"] != 1 || got[0].SerialAfter != 2 || got[0].Project != "shop" {
		t.Errorf("ended: %+v", got)
	}
	if text := got[0].Failed[0].Error; len(text) > maxText+len("…") || !strings.HasSuffix(text, "é…") {
		t.Errorf("the error is cut to %d bytes: …%s", len(text), text[len(text)-8:])
	}
	if n := begin(t, l); n != 2 {
		t.Errorf("the second entry is %d", n)
	}
	info, err := os.Stat(l.file())
	if err != nil || info.Mode().Perm() != fileMode {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// The part of a line that a power cut left is not read, and the next entry removes it.
func TestTornLine(t *testing.T) {
	for _, torn := range []string{`{"event":"be`, `{"event":"begin","number":2}`, "\x00\x00\x00\x00"} {
		l := New(t.TempDir())
		begin(t, l)
		whole, _ := os.ReadFile(l.file())
		if err := os.WriteFile(l.file(), append(bytes.Clone(whole), torn...), fileMode); err != nil {
			t.Fatal(err)
		}
		if got := read(t, l); len(got) != 1 {
			t.Errorf("%q: read %+v", torn, got)
		}
		if n := begin(t, l); n != 2 {
			t.Errorf("%q: the next entry is %d", torn, n)
		}
		data, _ := os.ReadFile(l.file())
		if !bytes.HasPrefix(data, whole) || bytes.Count(data, []byte("\n")) != 2 || data[len(data)-1] != '\n' {
			t.Errorf("%q: the file is %q", torn, data)
		}
	}
}

// A line that is none is left out and counted.
func TestUnreadableLine(t *testing.T) {
	l := New(t.TempDir())
	begin(t, l)
	f, err := os.OpenFile(l.file(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(f, "nonsense")
	f.Close()
	begin(t, l)
	entries, unreadable, err := l.Read()
	if len(entries) != 2 || unreadable != 1 || err != nil {
		t.Errorf("%d entries, %d unreadable, %v", len(entries), unreadable, err)
	}
}

// A full file becomes the older one, and numbers go on, also after both are gone.
func TestRotation(t *testing.T) {
	l := New(t.TempDir())
	l.maxSize = 1000
	for range 20 {
		if err := l.End(begin(t, l), at, End{Outcome: Complete}); err != nil {
			t.Fatal(err)
		}
	}
	entries := read(t, l)
	for i, e := range entries {
		if e.Number != uint64(20-len(entries)+i+1) || e.Outcome != Complete {
			t.Errorf("entry %d of %d is %+v", i, len(entries), e)
		}
	}
	for _, name := range []string{fileName, olderName} {
		info, err := os.Stat(filepath.Join(l.dir, name))
		if err != nil || info.Size() > 2*l.maxSize {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		os.Remove(filepath.Join(l.dir, name))
	}
	if n := begin(t, l); n != 21 {
		t.Errorf("the entry after lost files is %d", n)
	}
	if _, err := l.Find(3); err == nil || !strings.Contains(err.Error(), "no longer kept: the oldest one is 21") {
		t.Errorf("find a rotated entry: %v", err)
	}
	if _, err := l.Find(22); err == nil || !strings.Contains(err.Error(), "the last one is 21") {
		t.Errorf("find an entry to come: %v", err)
	}
}

// The history keeps the directory of a state without resources, and nothing else in it.
func TestReleasedLock(t *testing.T) {
	dir := t.TempDir()
	lock, err := state.Acquire(t.Context(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	l := New(dir)
	l.maxSize = 1
	begin(t, l)
	begin(t, l)
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	var names []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{dirName, fileName, olderName}; !reflect.DeepEqual(names, want) {
		t.Errorf("left are %v, want %v", names, want)
	}
}

// A symbolic link in place of the file is not followed.
func TestSymlink(t *testing.T) {
	l := New(t.TempDir())
	target := filepath.Join(t.TempDir(), "target")
	if err := os.Symlink(target, l.file()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Begin(Begin{}, nil); err == nil {
		t.Error("wrote through a symbolic link")
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("the target was created")
	}
}

// The last configurations are kept as they were, and older ones are missed with the range of those that are there.
func TestConfigurations(t *testing.T) {
	l := New(t.TempDir())
	st := &state.State{
		Outputs: state.Outputs{"shop": {"url": {Value: []byte(`"http://x"`), Type: []byte(`"string"`)}}},
		Records: map[resource.Path]*state.Record{
			"main":       {Path: "main", Spec: &resource.Realm{}, Status: state.Status{Project: "shop", PreventDestroy: true, Namespace: "kukeon-main"}},
			"main/other": {Path: "main/other", Spec: &resource.Space{}, Status: state.Status{Project: "other"}},
		},
	}
	for range maxConfigurations + 2 {
		if err := l.KeepConfiguration(begin(t, l), ConfigurationOf(st, "shop")); err != nil {
			t.Fatal(err)
		}
	}
	c, err := l.Configuration(maxConfigurations + 2)
	if err != nil {
		t.Fatal(err)
	}
	tree := c.Tree()
	if tree.Len() != 1 || !tree.Resource("main").Lifecycle.PreventDestroy || !reflect.DeepEqual(tree.Resource("main").Spec, st.Records["main"].Spec) {
		t.Errorf("read %+v", tree.Resources())
	}
	if c.Project != "shop" || string(c.Outputs["url"].Value) != `"http://x"` {
		t.Errorf("read %+v", c)
	}
	_, err = l.Configuration(2)
	if !errors.Is(err, ErrNotKept) || !strings.Contains(err.Error(), "50 entries from 3 to 52 have one") {
		t.Errorf("an old one: %v", err)
	}
	if data, err := l.Plan(1); string(data) != "the plan" || err != nil {
		t.Errorf("plan: %q, %v", data, err)
	}
	info, err := os.Stat(filepath.Join(l.dir, dirName, name(52, configurationSuffix)))
	if err != nil || info.Mode().Perm() != keptMode {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestOrigin(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want Origin
	}{
		{nil, Origin{Directory: "/srv"}},
		{map[string]string{"SSH_CONNECTION": "10.0.0.9 50122 10.0.0.1 22"}, Origin{Directory: "/srv", SSH: "10.0.0.9 50122 10.0.0.1 22"}},
		{
			map[string]string{"GITHUB_RUN_ID": "42", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "o/r", "GITHUB_SHA": "abc", "GITHUB_ACTOR": "bob"},
			Origin{Directory: "/srv", CI: &CI{System: "GitHub Actions", Job: "https://github.com/o/r/actions/runs/42", Revision: "abc", Actor: "bob"}},
		},
		{
			map[string]string{"CI_JOB_URL": "https://token:x@gitlab.com/g/p/-/jobs/7"},
			Origin{Directory: "/srv", CI: &CI{System: "GitLab CI", Job: "https://gitlab.com/g/p/-/jobs/7"}},
		},
	} {
		if got := OriginOf("/srv", func(name string) string { return test.env[name] }); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%v: got %+v, want %+v", test.env, got, test.want)
		}
	}
	if parent := parentOf(os.Getpid()); parent != os.Getppid() {
		t.Errorf("the parent is %d, want %d", parent, os.Getppid())
	}
}

// Whatever a file holds, reading it fails with an error or returns whole entries.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"event":"begin","number":1}` + "\n" + `{"event":"end","number":1,"outcome":"complete"}` + "\n"))
	f.Add([]byte("\n\n{}\nnull\n[]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l := New(t.TempDir())
		if err := os.WriteFile(l.file(), data, fileMode); err != nil {
			t.Fatal(err)
		}
		before, _, err := l.Read()
		if err != nil {
			t.Fatal(err)
		}
		n, err := l.Begin(Begin{Time: at}, nil)
		if err != nil {
			t.Fatal(err)
		}
		after, _, err := l.Read()
		if err != nil || len(after) != len(before)+1 || after[len(after)-1].Number != n {
			t.Errorf("after %d entries: %d, the last %d, %v", len(before), len(after), n, err)
		}
	})
}
