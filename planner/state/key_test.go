package state

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kukeon/kuke/config/resource"
)

// The key is for root alone, and goes with the last record.
func TestKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kukeon")
	store := NewStore(dir)
	if key, err := store.Key(); key != nil || err != nil {
		t.Fatalf("a key before there was one: %q, %v", key, err)
	}
	lock, err := Acquire(context.Background(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	key := resource.SealKey(bytes.Repeat([]byte("k"), resource.SealKeySize))
	if err := store.SaveKey(key); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, ".key")
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info, err)
	}
	if again, err := store.Key(); err != nil || !bytes.Equal(again, key) {
		t.Errorf("read again as %q, %v", again, err)
	}
	if st, err := store.Read(); err != nil || len(st.Records) != 0 {
		t.Errorf("the state beside it: %v, %v", st, err)
	}
	other := filepath.Join(dir, "state.json")
	if err := os.WriteFile(other, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("it went while something was recorded: %v", err)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	if lock, err = Acquire(context.Background(), dir, 0); err != nil {
		t.Fatal(err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}

// A key that can't be one is as good as none: the next one that is saved takes its place, and it stays beside it.
func TestBrokenKey(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, ".key")
	must(t, os.WriteFile(file, []byte("short"), 0o600))
	s, st, warnings := open(t, dir)
	if key, err := s.Key(); key != nil || err != nil || !strings.Contains(warnings.Error(), "it has 5 bytes, not 32") {
		t.Errorf("key %q, %v, warnings %v", key, err, warnings)
	}
	must(t, s.Repair(st, time.Unix(0, 0)))
	key := resource.SealKey(bytes.Repeat([]byte("k"), resource.SealKeySize))
	must(t, s.SaveKey(key))
	if again, err := s.Key(); err != nil || !bytes.Equal(again, key) {
		t.Errorf("key %q, %v", again, err)
	}
	if data, err := os.ReadFile(file + ".unreadable-19700101T000000Z"); err != nil || string(data) != "short" {
		t.Errorf("set aside: %q, %v", data, err)
	}
}
