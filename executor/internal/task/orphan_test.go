package task_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	bootapi "github.com/containerd/containerd/api/runtime/bootstrap/v1"
	"google.golang.org/protobuf/proto"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/labhost"
	"github.com/kukeon/kuke/executor/internal/namespace"
	"github.com/kukeon/kuke/executor/internal/shim"
	"github.com/kukeon/kuke/executor/internal/task"
)

// orphan starts a shim that containerd knows nothing of, as one that was killed in the middle of its start leaves, with its
// bundle below the state directory.
func orphan(h *labhost.Host, state, id string) shim.Process {
	h.T.Helper()
	bundle := filepath.Join(state, shim.BundlesDir, h.NS, id)
	h.Must(os.MkdirAll(bundle, 0o700))
	h.Must(os.WriteFile(filepath.Join(bundle, "config.json"), []byte("{}"), 0o600))
	// It writes its own log there, and ends when nobody reads it.
	h.Must(syscall.Mkfifo(filepath.Join(bundle, "log"), 0o600))
	log, err := os.OpenFile(filepath.Join(bundle, "log"), os.O_RDWR, 0)
	h.Must(err)
	h.T.Cleanup(func() { _ = log.Close() })
	program, err := exec.LookPath(shim.Program)
	h.Must(err)
	cmd := exec.CommandContext(h.Ctx, program, "-namespace", h.NS, "-id", id, "-address", labhost.Socket, "start")
	cmd.Dir = bundle
	cmd.Env = append(os.Environ(), "TTRPC_ADDRESS="+labhost.Socket+".ttrpc", "GRPC_ADDRESS="+labhost.Socket)
	version, err := h.Client.Version(h.Ctx)
	h.Must(err)
	// The shim of containerd 2.4 takes on its standard input what older ones take as arguments.
	if strings.HasPrefix(version, "v2.") {
		params, err := proto.Marshal(&bootapi.BootstrapParams{InstanceID: id, Namespace: h.NS, ContainerdGrpcAddress: labhost.Socket, ContainerdTtrpcAddress: labhost.Socket + ".ttrpc"})
		h.Must(err)
		cmd.Stdin = bytes.NewReader(params)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if out, err := cmd.Output(); err != nil {
		h.T.Fatalf("start the shim: %v: %s%s", err, out, &stderr)
	}
	found := shim.Look(labhost.Socket).Tasks[shim.Task{NS: h.NS, ID: id}]
	if len(found) != 1 {
		h.T.Fatalf("%d shims", len(found))
	}
	return found[0]
}

// fresh returns a client that has not looked at the processes yet, as every command has its own.
func fresh(h *labhost.Host) *client.Client {
	h.T.Helper()
	c, err := client.Dial(h.Ctx, client.DialOptions{Address: labhost.Socket, CallTimeout: time.Minute})
	h.Must(err)
	h.T.Cleanup(func() { h.Must(c.Close()) })
	return c
}

// A shim that containerd doesn't know is found though no directory is where it would be, and goes: before a start, with the
// container, when that is gone already, and with the namespace.
func TestShimsWithoutDirectories(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	gone := func(what string, shim shim.Process) {
		t.Helper()
		if shim.Alive() {
			t.Errorf("%s: the shim is left", what)
		}
	}
	h.Must(containers.Create(h.Ctx, h.Client, h.NS, h.Options("a", labhost.Sh("exec sleep 100"))))
	state := t.TempDir()
	process := orphan(h, state, "a")
	c := fresh(h)
	if got, want := c.Left.Bundle(shim.Task{NS: h.NS, ID: "a"}), filepath.Join(state, shim.BundlesDir, h.NS, "a"); got != want {
		t.Errorf("bundle %s, want %s", got, want)
	}
	h.Must(task.Start(h.Ctx, c, h.NS, "a", h.Log("a")))
	gone("start", process)
	if _, err := os.Lstat(filepath.Join(state, shim.BundlesDir, h.NS, "a")); err == nil {
		t.Error("the bundle is left")
	}
	h.Await("a", containers.StatusRunning)
	h.Must(task.Remove(h.Ctx, h.Client, h.NS, "a"))

	h.Must(containers.Create(h.Ctx, h.Client, h.NS, h.Options("b", labhost.Sh("exec sleep 100"))))
	process = orphan(h, t.TempDir(), "b")
	h.Must(task.Remove(h.Ctx, fresh(h), h.NS, "b"))
	gone("remove", process)

	process = orphan(h, t.TempDir(), "c")
	h.Must(task.Remove(h.Ctx, fresh(h), h.NS, "c"))
	gone("remove what is gone", process)

	process = orphan(h, t.TempDir(), "d")
	h.Must(namespace.Remove(h.Ctx, fresh(h), h.NS))
	gone("remove the namespace", process)
}
