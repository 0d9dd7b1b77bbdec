package runtime

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/cgroup"
)

const (
	socket    = "/run/containerd/containerd.sock"
	testImage = "docker.io/library/busybox:test"
)

// rootfsTar returns the tar of a root file system with a static busybox and further entries without content.
func rootfsTar(t *testing.T, further ...*tar.Header) []byte {
	t.Helper()
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Fatalf("apt-get install busybox-static: %v", err)
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	add := func(h *tar.Header, data []byte) {
		h.Size = int64(len(data))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"./", "./bin/", "./etc/", "./run/"} {
		add(&tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o755}, nil)
	}
	add(&tar.Header{Name: "./tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, nil)
	add(&tar.Header{Name: "./bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755}, busybox)
	for _, name := range []string{"sh", "sleep", "cat", "id", "env", "ls", "grep", "mount", "touch", "hostname", "true", "false", "mkdir", "mknod", "unshare"} {
		add(&tar.Header{Name: "./bin/" + name, Typeflag: tar.TypeSymlink, Linkname: "busybox"}, nil)
	}
	add(&tar.Header{Name: "./etc/passwd", Typeflag: tar.TypeReg, Mode: 0o644}, []byte("root:x:0:0:root:/root:/bin/sh\nweb:x:101:102:web:/:/bin/sh\n"))
	add(&tar.Header{Name: "./etc/group", Typeflag: tar.TypeReg, Mode: 0o644}, []byte("root:x:0:\nweb:x:102:\nextra:x:103:web\n"))
	add(&tar.Header{Name: "./run/kept", Typeflag: tar.TypeReg, Mode: 0o644}, []byte("kept\n"))
	for _, h := range further {
		add(h, nil)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// host is a namespace of the lab's containerd, with an image and a cgroup for containers.
type host struct {
	*Client
	t    *testing.T
	ctx  context.Context
	ns   string
	tree *cgroup.Tree
	dir  string
}

func newHost(t *testing.T) *host {
	t.Helper()
	needLab(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	client, err := Dial(ctx, DialOptions{Address: socket, CallTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	version, err := client.Version(ctx)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := cgroup.Open("/sys/fs/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("containerd %s, cgroup %s", version, tree.Mode())
	h := &host{Client: client, t: t, ctx: ctx, ns: "kukeon-" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")), tree: tree, dir: t.TempDir()}
	h.must(h.EnsureNamespace(ctx, h.ns, map[string]string{"kukeon.io/path": "main"}))
	h.must(tree.Create("/kukeon/test", nil))
	t.Cleanup(func() { h.tearDown() })
	return h
}

func (h *host) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// stop is Stop without how the task ended.
func (h *host) stop(ctx context.Context, ns, id, signal string, grace time.Duration) error {
	_, err := h.Stop(ctx, ns, id, signal, grace)
	return err
}

func (h *host) tearDown() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	list, err := h.List(ctx, h.ns)
	if err != nil {
		h.t.Error(err)
	}
	for _, c := range list {
		if err := h.Remove(ctx, h.ns, c.ID); err != nil {
			h.t.Error(err)
		}
	}
	if err := h.RemoveNamespace(ctx, h.ns); err != nil {
		h.t.Error(err)
	}
	if err := h.tree.Remove("/kukeon"); err != nil {
		h.t.Error(err)
	}
	if err := h.Close(); err != nil {
		h.t.Error(err)
	}
}

func (h *host) image() {
	h.t.Helper()
	names, err := h.Import(h.ctx, h.ns, bytes.NewReader(rootfsTar(h.t)), "busybox:test")
	h.must(err)
	if fmt.Sprint(names) != "["+testImage+"]" {
		h.t.Fatalf("names %v", names)
	}
}

func (h *host) options(id string, container resource.Container) CreateOptions {
	return CreateOptions{
		ID: id, Image: testImage, Spec: &container, Hostname: "web",
		Labels:        map[string]string{"kukeon.io/path": "main/default/blog/web/" + id},
		Annotations:   map[string]string{"kukeon.io/path": "main/default/blog/web/" + id},
		CgroupPath:    "/kukeon/test/" + id,
		UnifiedCgroup: h.tree.Mode() == cgroup.V2,
	}
}

func sh(script string) resource.Container {
	return resource.Container{Command: "/bin/sh", Args: []string{"-c", script}}
}

func (h *host) log(id string) string { return filepath.Join(h.dir, id+".log") }

func (h *host) start(o CreateOptions) {
	h.t.Helper()
	h.must(h.Create(h.ctx, h.ns, o))
	h.must(h.Start(h.ctx, h.ns, o.ID, h.log(o.ID)))
}

func (h *host) find(id string) Container {
	h.t.Helper()
	list, err := h.List(h.ctx, h.ns)
	h.must(err)
	for _, c := range list {
		if c.ID == id {
			return c
		}
	}
	return Container{}
}

// await waits until the container has the status.
func (h *host) await(id, status string) Container {
	h.t.Helper()
	for range 500 {
		if c := h.find(id); c.Status == status {
			return c
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Fatalf("container %s is %q, not %q; log: %s", id, h.find(id).Status, status, h.output(id))
	return Container{}
}

func (h *host) output(id string) string {
	data, err := os.ReadFile(h.log(id))
	if err != nil && !os.IsNotExist(err) {
		h.t.Error(err)
	}
	return string(data)
}

// awaitOutput waits until the container has printed the text.
func (h *host) awaitOutput(id, text string) {
	h.t.Helper()
	for range 500 {
		if strings.Contains(h.output(id), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Fatalf("container %s didn't print %q but %q", id, text, h.output(id))
}

// awaitWritten waits until the container has stopped and all that it printed is in its log: the shim copies the last of it
// after the exit.
func (h *host) awaitWritten(id string) Container {
	h.t.Helper()
	c := h.await(id, StatusStopped)
	for range 500 {
		if !h.isOpen(h.log(id)) {
			return c
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Fatalf("the log of container %s is still written to", id)
	return c
}

// isOpen reports whether a process has the file open.
func (h *host) isOpen(file string) bool {
	h.t.Helper()
	descriptors, err := filepath.Glob("/proc/[0-9]*/fd/*")
	h.must(err)
	return slices.ContainsFunc(descriptors, func(fd string) bool {
		target, _ := os.Readlink(fd)
		return target == file
	})
}

// run runs the container to its end and returns what it printed.
func (h *host) run(o CreateOptions) string {
	h.t.Helper()
	h.start(o)
	c := h.awaitWritten(o.ID)
	if c.ExitCode != 0 {
		h.t.Errorf("container %s: exit code %d", o.ID, c.ExitCode)
	}
	return h.output(o.ID)
}
