package program

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTrusted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: files are given to another user")
	}
	base := t.TempDir()
	dir, own := filepath.Join(base, "run", ".bin"), filepath.Join(base, "kuke")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(own, []byte("another program by now"), 0o755))
	if path, err := Trusted(own, dir); err != nil || path != own {
		t.Errorf("root's: %s, %v", path, err)
	}
	must(os.Chown(own, 1000, 1000))
	kept, err := Trusted(own, dir)
	must(err)
	running, err := os.ReadFile("/proc/self/exe")
	must(err)
	isWhole := func(when string) {
		t.Helper()
		again, err := Trusted(own, dir)
		data, readErr := os.ReadFile(kept)
		if err != nil || again != kept || readErr != nil || string(data) != string(running) {
			t.Errorf("%s: %s, %v, %v", when, again, err, readErr)
		}
		if err := CheckOwned(kept); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	isWhole("made")
	if !strings.HasPrefix(kept, dir+"/kuke-") {
		t.Errorf("copy %s", kept)
	}
	must(os.WriteFile(kept, []byte("#!/bin/sh\n"), 0o755))
	isWhole("another content")
	must(os.Chown(kept, 1000, 1000))
	isWhole("another owner")
	must(os.Chmod(kept, 0o777))
	isWhole("for everyone")
	must(os.Remove(kept))
	must(os.Symlink(own, kept))
	isWhole("a link")
	must(os.Chown(filepath.Dir(dir), 1000, 1000))
	if path, err := Trusted(own, dir); err == nil || !strings.Contains(err.Error(), "install -m 755") || !strings.Contains(err.Error(), filepath.Dir(dir)+" belongs to user 1000") {
		t.Errorf("a directory of another user: %s, %v", path, err)
	}
	must(os.Chown(filepath.Dir(dir), 0, 0))

	old := filepath.Join(dir, "kuke-old")
	must(os.WriteFile(old, nil, 0o755))
	must(Tidy(dir, func() (map[string]bool, error) { return map[string]bool{kept: true}, nil }))
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old copy: %v", err)
	}
	isWhole("tidied")
	must(Tidy(dir, func() (map[string]bool, error) { return nil, nil }))
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory: %v", err)
	}
	must(Tidy(dir, func() (map[string]bool, error) { return nil, errors.New("asked for nothing") }))
}
