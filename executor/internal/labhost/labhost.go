// Package labhost gives tests a namespace of the lab's containerd, with an image and a cgroup for containers.
package labhost

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
	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/namespace"
	"github.com/kukeon/kuke/executor/internal/spec"
	"github.com/kukeon/kuke/executor/internal/task"
	"github.com/kukeon/kuke/executor/lab"
)

const (
	// Socket is that of the lab's containerd.
	Socket = "/run/containerd/containerd.sock"
	// Image is the name of the image that [Host.ImportImage] imports.
	Image = "docker.io/library/busybox:test"
)

// RootfsTar returns the tar of a root file system with a static busybox and further entries without content.
func RootfsTar(t *testing.T, further ...*tar.Header) []byte {
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

// Host is a namespace of the lab's containerd, with an image and a cgroup for containers.
type Host struct {
	Client *client.Client
	T      *testing.T
	Ctx    context.Context
	// NS is the namespace, Dir the directory of the logs.
	NS, Dir string
	Tree    *cgroup.Tree
}

// NewHost returns a namespace with the name of the test, which removes it at its end.
func NewHost(t *testing.T) *Host {
	t.Helper()
	needLab(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	client, err := client.Dial(ctx, client.DialOptions{Address: Socket, CallTimeout: time.Minute})
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
	h := &Host{Client: client, T: t, Ctx: ctx, NS: "kukeon-" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")), Tree: tree, Dir: t.TempDir()}
	h.Must(namespace.Ensure(ctx, h.Client, h.NS, map[string]string{"kukeon.io/path": "main"}))
	h.Must(tree.Create("/kukeon/test", nil))
	t.Cleanup(func() { h.tearDown() })
	return h
}

// Must fails the test with the error.
func (h *Host) Must(err error) {
	h.T.Helper()
	if err != nil {
		h.T.Fatal(err)
	}
}

// Stop is [task.Stop] without how the task ended.
func (h *Host) Stop(ctx context.Context, ns, id, signal string, grace time.Duration) error {
	_, err := task.Stop(ctx, h.Client, ns, id, signal, grace)
	return err
}

func (h *Host) tearDown() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	list, err := containers.List(ctx, h.Client, h.NS)
	if err != nil {
		h.T.Error(err)
	}
	for _, c := range list {
		if err := task.Remove(ctx, h.Client, h.NS, c.ID); err != nil {
			h.T.Error(err)
		}
	}
	if err := namespace.Remove(ctx, h.Client, h.NS); err != nil {
		h.T.Error(err)
	}
	if err := h.Tree.Remove("/kukeon"); err != nil {
		h.T.Error(err)
	}
	if err := h.Client.Close(); err != nil {
		h.T.Error(err)
	}
}

// ImportImage imports [Image].
func (h *Host) ImportImage() {
	h.T.Helper()
	names, err := image.Import(h.Ctx, h.Client, h.NS, bytes.NewReader(RootfsTar(h.T)), "busybox:test")
	h.Must(err)
	if fmt.Sprint(names) != "["+Image+"]" {
		h.T.Fatalf("names %v", names)
	}
}

// Options returns the options of a container of [Image] in a cgroup of its own.
func (h *Host) Options(id string, container resource.Container) spec.Options {
	return spec.Options{
		ID: id, Image: Image, Spec: &container, Hostname: "web",
		Labels:        map[string]string{"kukeon.io/path": "main/default/blog/web/" + id},
		Annotations:   map[string]string{"kukeon.io/path": "main/default/blog/web/" + id},
		CgroupPath:    "/kukeon/test/" + id,
		UnifiedCgroup: h.Tree.Mode() == cgroup.V2,
	}
}

// Sh returns a container that runs the script.
func Sh(script string) resource.Container {
	return resource.Container{Command: "/bin/sh", Args: []string{"-c", script}}
}

// Log returns the log file of the container.
func (h *Host) Log(id string) string { return filepath.Join(h.Dir, id+".log") }

// Start creates the container and starts its task.
func (h *Host) Start(o spec.Options) {
	h.T.Helper()
	h.Must(containers.Create(h.Ctx, h.Client, h.NS, o))
	h.Must(task.Start(h.Ctx, h.Client, h.NS, o.ID, h.Log(o.ID)))
}

// Find returns the container, the zero value where there is none.
func (h *Host) Find(id string) containers.Container {
	h.T.Helper()
	list, err := containers.List(h.Ctx, h.Client, h.NS)
	h.Must(err)
	for _, c := range list {
		if c.ID == id {
			return c
		}
	}
	return containers.Container{}
}

// Await waits until the container has the status.
func (h *Host) Await(id, status string) containers.Container {
	h.T.Helper()
	for range 500 {
		if c := h.Find(id); c.Status == status {
			return c
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.T.Fatalf("container %s is %q, not %q; log: %s", id, h.Find(id).Status, status, h.Output(id))
	return containers.Container{}
}

// Output returns the output of the container so far.
func (h *Host) Output(id string) string {
	data, err := os.ReadFile(h.Log(id))
	if err != nil && !os.IsNotExist(err) {
		h.T.Error(err)
	}
	return string(data)
}

// AwaitOutput waits until the output of the container contains the text.
func (h *Host) AwaitOutput(id, text string) {
	h.T.Helper()
	for range 500 {
		if strings.Contains(h.Output(id), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.T.Fatalf("container %s didn't print %q but %q", id, text, h.Output(id))
}

// AwaitWritten waits until the container has stopped and its log is complete: the shim copies the last output after the
// exit.
func (h *Host) AwaitWritten(id string) containers.Container {
	h.T.Helper()
	c := h.Await(id, containers.StatusStopped)
	for range 500 {
		if !h.isOpen(h.Log(id)) {
			return c
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.T.Fatalf("the log of container %s is still written to", id)
	return c
}

// isOpen reports whether a process has the file open.
func (h *Host) isOpen(file string) bool {
	h.T.Helper()
	descriptors, err := filepath.Glob("/proc/[0-9]*/fd/*")
	h.Must(err)
	return slices.ContainsFunc(descriptors, func(fd string) bool {
		target, _ := os.Readlink(fd)
		return target == file
	})
}

// Run runs the container to its end and returns its output.
func (h *Host) Run(o spec.Options) string {
	h.T.Helper()
	h.Start(o)
	c := h.AwaitWritten(o.ID)
	if c.ExitCode != 0 {
		h.T.Errorf("container %s: exit code %d", o.ID, c.ExitCode)
	}
	return h.Output(o.ID)
}

func needLab(t *testing.T) {
	t.Helper()
	if !lab.Inside() {
		t.Skip("needs a lab: root, containerd, runc and cgroups")
	}
}
