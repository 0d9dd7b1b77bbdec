package runtime

import (
	"errors"
	"io/fs"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestDialErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := Dial(t.Context(), filepath.Join(dir, "none"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no such socket") {
		t.Errorf("missing: %v", err)
	}
	silent := filepath.Join(dir, "silent")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: silent})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	begin := time.Now()
	_, err = Dial(t.Context(), silent)
	if err == nil || !strings.Contains(err.Error(), "no answer in time") || time.Since(begin) > 5*time.Second {
		t.Errorf("silent, after %s: %v", time.Since(begin), err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Dial(t.Context(), silent)
	if !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), "nobody listens") {
		t.Errorf("stale: %v", err)
	}
}
