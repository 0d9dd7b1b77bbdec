package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A file that is not complete has no name, so that nothing stays of it when kuke is killed.
func TestNewFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "data.tar")
	if err := os.WriteFile(name, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	failed := errors.New("failed")
	for _, outcome := range []error{failed, nil} {
		err := newFile(name, func(w io.Writer) error {
			if _, err := io.WriteString(w, "new"); err != nil {
				return err
			}
			if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
				t.Errorf("meanwhile there are %v, %v", names, err)
			}
			return outcome
		})
		want := "new"
		if outcome != nil {
			want = "old"
		}
		data, readErr := os.ReadFile(name)
		if !errors.Is(err, outcome) || readErr != nil || string(data) != want {
			t.Errorf("after %v the file holds %q: %v, %v", err, data, outcome, readErr)
		}
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("there are %v, %v", names, err)
	}
}

// A pipe, like a device, is written to and stays.
func TestToPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
		}
		read <- string(data)
	}()
	err := new(app).toFile(name, func(w io.Writer) error { _, err := io.WriteString(w, "text"); return err })
	if err != nil {
		_ = os.WriteFile(name, nil, 0) // which ends the reader
		t.Fatal(err)
	}
	info, err := os.Lstat(name)
	if err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Fatalf("the pipe is %v, %v", info, err)
	}
	if got := <-read; got != "text" {
		t.Errorf("read %q", got)
	}
}
