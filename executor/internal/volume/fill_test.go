package volume

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

// An interrupted move of the copied content goes on, and overwrites nothing.
func TestTakeGoesOn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "_data")
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "moved"), "moved before")
	write(filepath.Join(dir, "both"), "of the volume")
	write(filepath.Join(beside(dir, copied), "both"), "of the image")
	write(filepath.Join(beside(dir, copied), "sub/left"), "left")
	if err := os.Chmod(beside(dir, copied), 0o711); err != nil {
		t.Fatal(err)
	}
	// The image is not looked at again.
	if err := Fill(context.Background(), nil, "", "", "/data", dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"moved": "moved before", "both": "of the volume", "sub/left": "left"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(beside(dir, copied)); !os.IsNotExist(err) {
		t.Error("the copy is still there")
	}
}

// A symbolic link in a volume does not lead a mount out of it.
func TestSourceStaysInTheVolume(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/etc", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	got, err := Source(dir, "out/sub")
	if err != nil || got != filepath.Join(dir, "etc/sub") {
		t.Errorf("%s, %v", got, err)
	}
}

func TestMountOptions(t *testing.T) {
	m, err := Mount(context.Background(), &resource.DriverOpts{Type: "nfs", Device: ":/x", O: "addr=192.0.2.1,rw"}, resource.VolumeMount{Target: "/t", ReadOnly: true})
	if err != nil || m.Source != ":/x" || len(m.Options) != 3 || m.Options[0] != "addr=192.0.2.1" || m.Options[2] != "ro" {
		t.Errorf("%+v, %v", m, err)
	}
}
