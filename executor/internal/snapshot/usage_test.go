package snapshot

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUsageIn counts regular files once, and neither those in passing directories nor the targets of links.
func TestUsageIn(t *testing.T) {
	upper, outside := t.TempDir(), t.TempDir()
	write := func(name string, size int) {
		t.Helper()
		file := filepath.Join(upper, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(strings.Repeat("x", size)), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	usage := func() Usage {
		t.Helper()
		u, err := usageIn(context.Background(), upper, nil)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	if u := usage(); u != (Usage{}) {
		t.Errorf("empty: %+v", u)
	}
	for _, name := range []string{"tmp/a", "run/a", "var/cache/a/b", "var/tmp/a", "var/run/a", "dev/a", "data/tmp/empty"} {
		write(name, 0)
		if !strings.HasPrefix(name, "data") {
			write(name, 1000)
		}
	}
	if u := usage(); u != (Usage{}) {
		t.Errorf("only passing files: %+v", u)
	}
	write("etc/small", 5)
	write("data/tmp/big", 100_000)
	if err := errors.Join(os.Link(filepath.Join(upper, "data/tmp/big"), filepath.Join(upper, "same")), os.WriteFile(filepath.Join(outside, "x"), []byte("xxxx"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink(outside, filepath.Join(upper, "away")), os.Symlink(filepath.Join(outside, "x"), filepath.Join(upper, "x"))); err != nil {
		t.Fatal(err)
	}
	if u := usage(); u != (Usage{100_005, "/data/tmp/big"}) {
		t.Errorf("%+v", u)
	}
	hole := filepath.Join(upper, "hole")
	if err := errors.Join(os.WriteFile(hole, []byte("x"), 0o600), os.Truncate(hole, 1<<40)); err != nil {
		t.Fatal(err)
	}
	if u := usage(); u.Bytes > 1<<20 {
		t.Errorf("a hole counts: %+v", u)
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := usageIn(over, upper, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
