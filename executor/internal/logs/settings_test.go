package logs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

// A writer follows changed settings: it removes files beyond the new number, and may keep a single one.
func TestSettings(t *testing.T) {
	for _, kept := range []int{1, 2, 5} {
		file := filepath.Join(t.TempDir(), "c.log")
		write := func(size int64, files int) {
			s := defaults
			s.MaxSize, s.MaxFiles = size, files
			if err := WriteSettings(file, s); err != nil {
				t.Fatal(err)
			}
			Write(file, strings.NewReader(strings.Repeat(strings.Repeat("x", 900)+"\n", 40)), strings.NewReader(""))
		}
		write(4096, 8)
		if found := Files(file); len(found) != 8 {
			t.Errorf("%d files, want 8", len(found))
		}
		write(2048, kept)
		found := Files(file)
		if len(found) != kept {
			t.Errorf("%q, want %d files", found, kept)
		}
		for _, name := range found {
			if info, err := os.Stat(name); err != nil || info.Size() > 2048 {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
		last := 0
		if err := Read(t.Context(), file, ReadOptions{Tail: -1}, func(Entry) error { last++; return nil }); err != nil || last < kept {
			t.Errorf("%d lines, %v", last, err)
		}
	}
}

// A log that goes nowhere has an empty file, and default settings have none of their own.
func TestNoLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.log")
	s := defaults
	s.Driver = resource.LogNone
	if err := WriteSettings(file, s); err != nil {
		t.Fatal(err)
	}
	Write(file, strings.NewReader("one\ntwo"), strings.NewReader("three\n"))
	if data, err := os.ReadFile(file); err != nil || len(data) > 0 {
		t.Errorf("%q, %v", data, err)
	}
	if err := WriteSettings(file, defaults); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(settingsFile(file)); !errors.Is(err, os.ErrNotExist) {
		t.Error("the defaults have a file:", err)
	}
	Write(file, strings.NewReader("kept\n"), strings.NewReader(""))
	if data, err := os.ReadFile(file); err != nil || !strings.HasSuffix(string(data), " stdout F kept\n") {
		t.Errorf("%q, %v", data, err)
	}
}
