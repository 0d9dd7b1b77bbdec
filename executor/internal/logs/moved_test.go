package logs

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A file that gets another name while it is written goes on by that name, full or empty.
func TestMovedWhileWritten(t *testing.T) {
	for _, before := range []string{"", "before\n"} {
		dir := t.TempDir()
		file, moved := filepath.Join(dir, "old", "c.log"), filepath.Join(dir, "new", "d.log")
		for _, f := range []string{file, moved} {
			if err := os.Mkdir(filepath.Dir(f), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		r, w := io.Pipe()
		done := make(chan struct{})
		writer := limited(file, 200)
		go func() {
			defer close(done)
			writer.write(r, strings.NewReader(""))
		}()
		if _, err := io.WriteString(w, before); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(file); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if err := os.Rename(settingsFile(file), settingsFile(moved)); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file, moved); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Dir(file)); err != nil {
			t.Fatal(err)
		}
		lines := []string{strings.Repeat("a", 100), strings.Repeat("b", 100), strings.Repeat("c", 100)}
		if _, err := io.WriteString(w, strings.Join(lines, "\n")+"\n"); err != nil {
			t.Fatal(err)
		}
		_ = w.Close()
		<-done
		var got []string
		for _, e := range read(t, moved, ReadOptions{Tail: -1}) {
			if e.Text != strings.TrimSpace(before) {
				got = append(got, e.Text)
			}
		}
		if !slices.Equal(got, lines) {
			t.Errorf("after %q: %q", before, got)
		}
	}
}
