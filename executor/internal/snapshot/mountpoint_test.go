package snapshot

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/containerd/containerd/v2/core/mount"
	"golang.org/x/sys/unix"
)

func TestLookForLinks(t *testing.T) {
	upper, lower := t.TempDir(), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	layers := layersOf(mount.Mount{Type: "overlay", Options: []string{"index=off", "workdir=/w", "upperdir=" + upper, "lowerdir=" + lower}})
	if !slices.Equal(layers, []string{upper, lower}) {
		t.Fatalf("layers %v", layers)
	}
	dev, pts, hosts := mountpoint{path: "dev"}, mountpoint{path: "dev/pts"}, mountpoint{"etc/hosts", true}
	expect := func(when string, want ...mountpoint) {
		t.Helper()
		for _, m := range []mountpoint{dev, pts, hosts} {
			if got := m.isLinkIn(layers); got != slices.Contains(want, m) {
				t.Errorf("%s: /%s: %v", when, m.path, got)
			}
		}
	}
	expect("empty")
	must(os.Symlink("/elsewhere", filepath.Join(lower, "dev")))
	expect("linked", dev, pts)
	must(os.Mkdir(filepath.Join(upper, "dev"), 0o755))
	expect("hidden by a directory")
	must(os.Symlink("/elsewhere", filepath.Join(upper, "dev/pts")))
	expect("linked below", pts)
	must(os.Symlink("/usr/etc", filepath.Join(lower, "etc")))
	expect("a file's directory linked", pts)
	must(os.Remove(filepath.Join(lower, "etc")))
	must(os.Mkdir(filepath.Join(lower, "etc"), 0o755))
	must(os.Symlink("/elsewhere", filepath.Join(lower, "etc/hosts")))
	expect("a file linked", pts, hosts)
	must(os.Mkdir(filepath.Join(upper, "etc"), 0o755))
	if err := unix.Mknod(filepath.Join(upper, "etc/hosts"), unix.S_IFCHR, 0); err != nil {
		t.Skip("needs root for a whiteout:", err)
	}
	expect("a file removed", pts)
}
