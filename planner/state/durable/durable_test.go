package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a")
	// What a writer that was killed left goes.
	if err := os.WriteFile(Temporary(file), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "two"} {
		if err := WriteFile(file, []byte(text), 0o646); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil || string(data) != text {
			t.Errorf("%q, %v", data, err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode() != 0o646 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		if all := names(t, dir); len(all) != 1 {
			t.Errorf("files %v", all)
		}
	}
	other := filepath.Join(dir, "other")
	link := filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(other, []byte("kept"), 0o600), os.Symlink(other, link), WriteFile(link, []byte("new"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(other); err != nil || string(data) != "kept" {
		t.Errorf("followed the link: %q, %v", data, err)
	}
	if err := WriteFile(filepath.Join(dir, "no", "such"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	if err := errors.Join(Remove(file), Remove(file), Remove(link), Remove(other)); err != nil {
		t.Error(err)
	}
	if all := names(t, dir); len(all) != 0 {
		t.Errorf("files %v", all)
	}
}

func TestWriteFileAtOnce(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				if err := WriteFile(file, []byte("text"), 0o600); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if found := names(t, dir); len(found) != 1 {
		t.Errorf("files %v", found)
	}
}

func TestOpenFileFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(target, []byte("kept"), 0o600), os.Symlink(target, link)); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFile(link, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600); !errors.Is(err, ErrSymlink) {
		t.Errorf("write: %v", err)
	}
	if _, err := ReadFile(link); !errors.Is(err, ErrSymlink) {
		t.Errorf("read: %v", err)
	}
	if data, err := ReadFile(target); err != nil || string(data) != "kept" {
		t.Errorf("%q, %v", data, err)
	}
	if err := CheckPlain(filepath.Join(dir, "none")); err != nil {
		t.Error(err)
	}
}
