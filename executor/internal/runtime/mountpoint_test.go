package runtime

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/mount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/config/resource"
)

func link(name, target string) *tar.Header {
	return &tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target, Mode: 0o777}
}

// listing tells all about what is in a directory.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		_, err = fmt.Fprintln(&all, path, st.Ino, st.Mode, st.Rdev, st.Nlink, st.Size, st.Mtim, st.Ctim)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// The files that runc makes, links or deletes in /dev, on its way through whatever the image has there.
func hostDirectory(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"ptmx", "null", "core", "stdin", "cpu", "hosts", "kept"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("of the host"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"pts", "shm", "fs", "fs/cgroup"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLinksOfAnImageDontLeadToTheHost(t *testing.T) {
	h := newHost(t)
	plain := filepath.Join(h.dir, "real")
	h.must(os.WriteFile(plain, []byte("of kuke\n"), 0o644))
	volume := t.TempDir()
	dir := func(name string) *tar.Header { return &tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755} }
	for name, links := range map[string]func(host string) []*tar.Header{
		"dev":    func(host string) []*tar.Header { return []*tar.Header{link("./dev", host)} },
		"dotted": func(host string) []*tar.Header { return []*tar.Header{link("./dev", strings.Repeat("../", 20)+host)} },
		"proc":   func(host string) []*tar.Header { return []*tar.Header{link("./proc", host)} },
		"sys":    func(host string) []*tar.Header { return []*tar.Header{link("./sys", host)} },
		"belowdev": func(host string) []*tar.Header {
			return []*tar.Header{dir("./dev/"), link("./dev/pts", host), link("./dev/shm", host), link("./dev/mqueue", host)}
		},
		"cgroup": func(host string) []*tar.Header { return []*tar.Header{dir("./sys/"), link("./sys/fs", host+"/fs")} },
		"etc-files": func(host string) []*tar.Header {
			return []*tar.Header{link("./etc/hosts", host+"/hosts"), link("./etc/resolv.conf", "/dev/null")}
		},
		"targets": func(host string) []*tar.Header {
			return []*tar.Header{link("./data", host), link("./scratch", host), link("./job", host)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			host := hostDirectory(t)
			before := listing(t, host)
			ref := "links-" + name + ":test"
			names, err := h.Import(h.ctx, h.ns, bytes.NewReader(rootfsTar(t, links(host)...)), ref)
			h.must(err)
			spec := sh("ls -ld /dev /proc /sys; echo there >/data/volume; echo there >/scratch/tmpfs; echo 1 >/dev/null; cat /etc/hosts; pwd; echo up; while :; do sleep 0.1; done")
			spec.WorkingDir = "/job/new"
			spec.Volumes = []resource.Volume{{Source: volume, Target: "/data"}, {Source: volume, Target: "/data/below"}}
			spec.Tmpfs = []resource.Tmpfs{{Path: "/scratch"}}
			o := h.options(name, spec)
			o.Image = names[0]
			for _, target := range []string{"/etc/hosts", "/etc/resolv.conf", "/run/secrets/key"} {
				o.Mounts = append(o.Mounts, specs.Mount{Destination: target, Type: "bind", Source: plain, Options: []string{"rbind", "rprivate", "ro"}})
			}
			h.start(o)
			h.awaitOutput(name, "up\n")
			h.must(h.stop(h.ctx, h.ns, name, "KILL", 0))
			h.must(h.Prepare(h.ctx, h.ns, name, o.Spec))
			h.must(h.Start(h.ctx, h.ns, name, h.log(name)))
			h.await(name, StatusRunning)
			h.must(h.Remove(h.ctx, h.ns, name))
			if after := listing(t, host); after != before {
				t.Errorf("on the host there was\n%snow there is\n%s", before, after)
			}
			out := h.output(name)
			for _, line := range strings.Split(out, "\n")[:3] {
				if !strings.HasPrefix(line, "d") {
					t.Errorf("in the container: %s", line)
				}
			}
			if !strings.Contains(out, "of kuke\n") {
				t.Errorf("/etc/hosts isn't the mounted one: %s", out)
			}
		})
	}
}

// What another version of kuke made is looked at before it is started.
func TestLinksOfAnOlderContainerAreReplacedBeforeItStarts(t *testing.T) {
	h := newHost(t)
	host := hostDirectory(t)
	before := listing(t, host)
	h.image()
	o := h.options("old", sh("echo up; while :; do sleep 0.1; done"))
	h.must(h.Create(h.ctx, h.ns, o))
	mounts, err := h.c.SnapshotService(snapshotterName).Mounts(in(h.ctx, h.ns), "old")
	h.must(err)
	h.must(inSnapshot(mounts[0], func(root *os.Root) error { return root.Symlink(host, "dev") }))
	h.must(h.Prepare(h.ctx, h.ns, "old", o.Spec))
	h.must(h.Start(h.ctx, h.ns, "old", h.log("old")))
	h.awaitOutput("old", "up\n")
	h.must(h.Remove(h.ctx, h.ns, "old"))
	if after := listing(t, host); after != before {
		t.Errorf("on the host there was\n%snow there is\n%s", before, after)
	}
}

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
