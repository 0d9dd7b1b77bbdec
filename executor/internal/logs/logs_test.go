package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state/durable"
)

// write makes a writer read the texts from both streams.
func write(t *testing.T, file, stdout, stderr string) {
	t.Helper()
	Write(file, strings.NewReader(stdout), strings.NewReader(stderr))
}

func read(t *testing.T, file string, o ReadOptions) []Entry {
	t.Helper()
	var all []Entry
	if err := Read(t.Context(), file, o, func(e Entry) error {
		all = append(all, e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func texts(entries []Entry) []string {
	var all []string
	for _, e := range entries {
		all = append(all, e.Stream+" "+e.Text)
	}
	return all
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.log")
	long := strings.Repeat("x", 3*maxLine+7)
	write(t, file, "one\n\n"+long+"\nwithout end", "")
	write(t, file, "", "again\n")
	got := read(t, file, ReadOptions{Tail: -1})
	// A line without an end is a line, and separate from the output of the next run.
	want := []string{"stdout one", "stdout ", "stdout " + long, "stdout without end", "stderr again"}
	if !slices.Equal(texts(got), want) {
		t.Errorf("%.200q", texts(got))
	}
	for _, e := range got {
		if age := time.Since(e.Time); age < 0 || age > time.Minute {
			t.Errorf("%v", e.Time)
		}
	}
	if got := texts(read(t, file, ReadOptions{Tail: 1})); !slices.Equal(got, want[4:]) {
		t.Errorf("%q", got)
	}
	if got := read(t, file, ReadOptions{Tail: -1, Since: time.Now().Add(time.Hour)}); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != fileMode {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestOtherFormatsAreReadAsTheyAre(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.log")
	lines := []string{"plain", "2026-01-01T00:00:00Z stdout X odd", "x stdout F no time", "", "\xff\x00"}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := read(t, file, ReadOptions{Tail: -1})
	if len(got) != len(lines) {
		t.Fatalf("%v", got)
	}
	for i, e := range got {
		if e.Text != lines[i] || !e.Time.IsZero() {
			t.Errorf("%v, want %q", e, lines[i])
		}
	}
	if got := read(t, filepath.Join(t.TempDir(), "none"), ReadOptions{Tail: -1}); got != nil {
		t.Errorf("a log that isn't there: %v", got)
	}
}

// Files stay small, the oldest is removed, and the others have no gap, also while they are followed.
func TestRotation(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.log")
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	followed := make(chan []Entry)
	const count = 6000
	line := strings.Repeat("y", maxLine/2)
	go func() {
		var all []Entry
		err := Read(ctx, file, ReadOptions{Tail: -1, Follow: true}, func(e Entry) error {
			if all = append(all, e); strings.HasPrefix(e.Text, fmt.Sprint(count-1, " ")) {
				cancel()
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		followed <- all
	}()
	go func() {
		for i := range count {
			fmt.Fprintln(w, i, line)
		}
		w.Close()
	}()
	Write(file, r, strings.NewReader(""))
	check := func(entries []Entry, first string) {
		t.Helper()
		var last int
		if _, err := fmt.Sscan(entries[0].Text, &last); err != nil || first != "" && entries[0].Text[:len(first)] != first {
			t.Fatalf("begins with %.20q, %v", entries[0].Text, err)
		}
		for _, e := range entries[1:] {
			var n int
			if _, err := fmt.Sscan(e.Text, &n); err != nil || n != last+1 {
				t.Fatalf("%d follows %d: %v", n, last, err)
			}
			last = n
		}
		if last != count-1 {
			t.Errorf("ends with %d", last)
		}
	}
	check(<-followed, "0 ")
	check(read(t, file, ReadOptions{Tail: -1}), "")
	found, _ := filepath.Glob(file + "*")
	if len(found) != resource.DefaultLogFiles {
		t.Errorf("files %q", found)
	}
	for _, name := range found {
		if info, err := os.Stat(name); err != nil || info.Size() > resource.DefaultLogSize {
			t.Errorf("%s has %d bytes, %v", name, info.Size(), err)
		}
	}
}

// A container is never held up by a log that can't be written.
func TestWriteToNowhere(t *testing.T) {
	write(t, filepath.Join(t.TempDir(), "missing", "c.log"), strings.Repeat("x\n", 1000), "y\n")
	write(t, "/dev/full", strings.Repeat("x\n", 1000), "y\n")
}

func TestLogThatIsASymbolicLink(t *testing.T) {
	dir := t.TempDir()
	file, target := filepath.Join(dir, "c.log"), filepath.Join(dir, "target")
	if err := errors.Join(os.WriteFile(target, []byte("kept\n"), 0o600), os.Symlink(target, file)); err != nil {
		t.Fatal(err)
	}
	write(t, file, "one\n", "")
	if data, err := os.ReadFile(target); err != nil || string(data) != "kept\n" {
		t.Errorf("written through: %q, %v", data, err)
	}
	err := Read(t.Context(), file, ReadOptions{Tail: -1}, func(Entry) error { return nil })
	if !errors.Is(err, durable.ErrSymlink) {
		t.Errorf("read through: %v", err)
	}
}
