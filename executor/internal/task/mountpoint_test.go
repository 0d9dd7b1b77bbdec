package task_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/labhost"
	"github.com/kukeon/kuke/executor/internal/snapshot"
	"github.com/kukeon/kuke/executor/internal/task"
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
	h := labhost.NewHost(t)
	plain := filepath.Join(h.Dir, "real")
	h.Must(os.WriteFile(plain, []byte("of kuke\n"), 0o644))
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
			names, err := image.Import(h.Ctx, h.Client, h.NS, bytes.NewReader(labhost.RootfsTar(t, links(host)...)), ref)
			h.Must(err)
			spec := labhost.Sh("ls -ld /dev /proc /sys; echo there >/data/volume; echo there >/scratch/tmpfs; echo 1 >/dev/null; cat /etc/hosts; pwd; echo up; while :; do sleep 0.1; done")
			spec.WorkingDir = "/job/new"
			spec.Volumes = []resource.VolumeMount{{Source: volume, Target: "/data"}, {Source: volume, Target: "/data/below"}}
			spec.Tmpfs = []resource.Tmpfs{{Path: "/scratch"}}
			o := h.Options(name, spec)
			o.Image = names[0]
			for _, target := range []string{"/etc/hosts", "/etc/resolv.conf", "/run/secrets/key"} {
				o.Mounts = append(o.Mounts, specs.Mount{Destination: target, Type: "bind", Source: plain, Options: []string{"rbind", "rprivate", "ro"}})
			}
			h.Start(o)
			h.AwaitOutput(name, "up\n")
			h.Must(h.Stop(h.Ctx, h.NS, name, "KILL", 0))
			h.Must(task.Prepare(h.Ctx, h.Client, h.NS, name, o.Spec, ""))
			h.Must(task.Start(h.Ctx, h.Client, h.NS, name, h.Log(name)))
			h.Await(name, containers.StatusRunning)
			h.Must(task.Remove(h.Ctx, h.Client, h.NS, name))
			if after := listing(t, host); after != before {
				t.Errorf("on the host there was\n%snow there is\n%s", before, after)
			}
			out := h.Output(name)
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
	h := labhost.NewHost(t)
	host := hostDirectory(t)
	before := listing(t, host)
	h.ImportImage()
	o := h.Options("old", labhost.Sh("echo up; while :; do sleep 0.1; done"))
	h.Must(containers.Create(h.Ctx, h.Client, h.NS, o))
	mounts, err := h.Client.Containerd.SnapshotService(snapshot.Snapshotter).Mounts(client.In(h.Ctx, h.NS), "old")
	h.Must(err)
	h.Must(snapshot.Visit(mounts[0], func(root *os.Root) error { return root.Symlink(host, "dev") }))
	h.Must(task.Prepare(h.Ctx, h.Client, h.NS, "old", o.Spec, ""))
	h.Must(task.Start(h.Ctx, h.Client, h.NS, "old", h.Log("old")))
	h.AwaitOutput("old", "up\n")
	h.Must(task.Remove(h.Ctx, h.Client, h.NS, "old"))
	if after := listing(t, host); after != before {
		t.Errorf("on the host there was\n%snow there is\n%s", before, after)
	}
}
