package runtime

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	bootapi "github.com/containerd/containerd/api/runtime/bootstrap/v1"
	"google.golang.org/protobuf/proto"
)

// orphan starts a shim that containerd knows nothing of, as one that was killed in the middle of its start leaves, with its
// bundle below the state directory.
func (h *host) orphan(state, id string) taskProcess {
	h.t.Helper()
	bundle := filepath.Join(state, bundlesDir, h.ns, id)
	h.must(os.MkdirAll(bundle, 0o700))
	h.must(os.WriteFile(filepath.Join(bundle, "config.json"), []byte("{}"), 0o600))
	// It writes its own log there, and ends when nobody reads it.
	h.must(syscall.Mkfifo(filepath.Join(bundle, "log"), 0o600))
	log, err := os.OpenFile(filepath.Join(bundle, "log"), os.O_RDWR, 0)
	h.must(err)
	h.t.Cleanup(func() { _ = log.Close() })
	program, err := exec.LookPath(shimProgram)
	h.must(err)
	cmd := exec.CommandContext(h.ctx, program, "-namespace", h.ns, "-id", id, "-address", socket, "start")
	cmd.Dir = bundle
	cmd.Env = append(os.Environ(), "TTRPC_ADDRESS="+socket+".ttrpc", "GRPC_ADDRESS="+socket)
	version, err := h.Version(h.ctx)
	h.must(err)
	// The shim of containerd 2.4 takes on its standard input what older ones take as arguments.
	if strings.HasPrefix(version, "v2.") {
		params, err := proto.Marshal(&bootapi.BootstrapParams{InstanceID: id, Namespace: h.ns, ContainerdGrpcAddress: socket, ContainerdTtrpcAddress: socket + ".ttrpc"})
		h.must(err)
		cmd.Stdin = bytes.NewReader(params)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if out, err := cmd.Output(); err != nil {
		h.t.Fatalf("start the shim: %v: %s%s", err, out, &stderr)
	}
	found := scanTasks(socket).tasks[taskID{h.ns, id}]
	if len(found) != 1 {
		h.t.Fatalf("%d shims", len(found))
	}
	return found[0]
}

// fresh returns a client that has not looked at the processes yet, as every command has its own.
func (h *host) fresh() *Client {
	h.t.Helper()
	c, err := Dial(h.ctx, DialOptions{Address: socket, CallTimeout: time.Minute})
	h.must(err)
	h.t.Cleanup(func() { h.must(c.Close()) })
	return c
}

// A shim that containerd doesn't know is found though no directory is where it would be, and goes: before a start, with the
// container, when that is gone already, and with the namespace.
func TestShimsWithoutDirectories(t *testing.T) {
	h := newHost(t)
	h.image()
	gone := func(what string, shim taskProcess) {
		t.Helper()
		if shim.alive() {
			t.Errorf("%s: the shim is left", what)
		}
	}
	h.must(h.Create(h.ctx, h.ns, h.options("a", sh("exec sleep 100"))))
	state := t.TempDir()
	process := h.orphan(state, "a")
	c := h.fresh()
	if got, want := c.left.bundle(taskID{h.ns, "a"}), filepath.Join(state, bundlesDir, h.ns, "a"); got != want {
		t.Errorf("bundle %s, want %s", got, want)
	}
	h.must(c.Start(h.ctx, h.ns, "a", h.log("a")))
	gone("start", process)
	if _, err := os.Lstat(filepath.Join(state, bundlesDir, h.ns, "a")); err == nil {
		t.Error("the bundle is left")
	}
	h.await("a", StatusRunning)
	h.must(h.Remove(h.ctx, h.ns, "a"))

	h.must(h.Create(h.ctx, h.ns, h.options("b", sh("exec sleep 100"))))
	process = h.orphan(t.TempDir(), "b")
	h.must(h.fresh().Remove(h.ctx, h.ns, "b"))
	gone("remove", process)

	process = h.orphan(t.TempDir(), "c")
	h.must(h.fresh().Remove(h.ctx, h.ns, "c"))
	gone("remove what is gone", process)

	process = h.orphan(t.TempDir(), "d")
	h.must(h.fresh().RemoveNamespace(h.ctx, h.ns))
	gone("remove the namespace", process)
}

// The error of a start in whose way a bundle is tells where bundles are.
func TestStateDirOfError(t *testing.T) {
	l := &left{address: "/run/x/containerd.sock"}
	of := taskID{"kukeon-main", "a"}
	if l.learnFrom(errors.New("something else"), of); l.dir() != "/run/x" {
		t.Error(l.dir())
	}
	l.learnFrom(errors.New("failed to create: mkdir /var/run/c/io.containerd.runtime.v2.task/kukeon-main/b: file exists"), of)
	l.learnFrom(errors.New("mkdir io.containerd.runtime.v2.task/kukeon-main/a: file exists"), of)
	if l.dir() != "/run/x" {
		t.Error(l.dir())
	}
	l.learnFrom(errors.New("mkdir /var/run/c/io.containerd.runtime.v2.task/kukeon-main/a: file exists: unknown"), of)
	if l.dir() != "/var/run/c" {
		t.Error(l.dir())
	}
}
