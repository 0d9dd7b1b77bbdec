package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/namespaces"
)

// held lists what containerd keeps in the namespace for commands: leases, and content that is being written.
func held(t *testing.T, namespace string) (leases, ingests []string) {
	t.Helper()
	client, err := containerd.New("/run/containerd/containerd.sock", containerd.WithDefaultNamespace(namespace))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := namespaces.WithNamespace(context.Background(), namespace)
	all, err := client.LeasesService().List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, lease := range all {
		leases = append(leases, lease.ID)
	}
	statuses, err := client.ContentStore().ListStatuses(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range statuses {
		ingests = append(ingests, fmt.Sprint(status.Ref, " ", status.Offset))
	}
	return leases, ingests
}

// await waits until a condition holds, however busy the host is.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 6000 {
		if holds() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("waited in vain for ", what)
}

func awaitIngest(t *testing.T, namespace string) {
	t.Helper()
	await(t, "content that is being written", func() bool {
		leases, ingests := held(t, namespace)
		return len(leases) > 0 && len(ingests) > 0
	})
}

// digestOf is the one of a blob.
func digestOf(blob []byte) string {
	sum := sha256.Sum256(blob)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// slowRegistry serves an image whose layer stops coming in the middle, until the test ends; deaf does not even tell what image
// it has. It returns the name of the image, and whether somebody has asked.
func slowRegistry(t *testing.T, deaf bool) (image string, asked *atomic.Bool) {
	t.Helper()
	layer := bytes.Repeat([]byte("layer"), 1<<20)
	over, asked := make(chan struct{}), new(atomic.Bool)
	image, server := serveImage(t, layer, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(layer)))
		_, _ = w.Write(layer[:len(layer)/2])
		w.(http.Flusher).Flush()
		<-over
	}, func() {
		asked.Store(true)
		if deaf {
			<-over
		}
	})
	t.Cleanup(func() {
		close(over)
		server.Close()
	})
	return image, asked
}

// serveImage is a registry with one image of one layer, which serveLayer serves. asked is called for each request. It returns the
// reference of the image.
func serveImage(t *testing.T, layer []byte, serveLayer http.HandlerFunc, asked func()) (image string, server *httptest.Server) {
	t.Helper()
	config := fmt.Sprintf(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[%q]}}`, digestOf(layer))
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
		`"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},`+
		`"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":%d}]}`, digestOf([]byte(config)), len(config), digestOf(layer), len(layer))
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked()
		serve := func(mediaType string, data []byte) {
			w.Header().Set("Content-Type", mediaType)
			w.Header().Set("Docker-Content-Digest", digestOf(data))
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
		}
		switch {
		case strings.HasSuffix(r.URL.Path, "/manifests/v1"), strings.HasSuffix(r.URL.Path, "/manifests/"+digestOf([]byte(manifest))):
			serve("application/vnd.oci.image.manifest.v1+json", []byte(manifest))
		case strings.HasSuffix(r.URL.Path, digestOf([]byte(config))):
			serve("application/octet-stream", []byte(config))
		case strings.HasSuffix(r.URL.Path, digestOf(layer)):
			serveLayer(w, r)
		default:
			http.NotFound(w, r)
		}
	}))
	return strings.TrimPrefix(server.URL, "http://") + "/team/web:v1", server
}

// withImage is a configuration with a cell more than cells(1, word) has, of the image.
func withImage(word, image string) string {
	return cells(1, word) + fmt.Sprintf("cell \"pulled\" {\n  parent = \"crash/s/t\"\n  container \"root\" { image = %q }\n}\n", image)
}

func start(t *testing.T, stdin *os.File, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd, out := exec.Command("kuke", args...), new(bytes.Buffer)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, out
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
}

// TestKilledLeavesNothing kills commands in the middle of a session on a terminal, an import and a pull. The next apply removes
// what they leave in containerd and on the host, and nothing of a command that runs.
func TestKilledLeavesNothing(t *testing.T) {
	dir := crashHost(t)
	config := writeConfig(t, dir, "main.hcl", cells(1, "x"))
	mustKuke(t, "apply", "--auto-approve", "-f", config)

	session := exec.Command("kuke", "exec", "-it", "crash/s/t/c0/side", "sh", "-c", "echo $((6*7)); exec sleep 4321")
	newTerminal(t, session).sees("42")
	kill(t, session)

	// A large file takes a while.
	file := filepath.Join(dir, "large.tar")
	writeLargeTar(t, file)
	imported, _ := start(t, nil, "image", "import", "--realm", "crash", "--name", "large", file)
	awaitIngest(t, "kukeon-crash")
	kill(t, imported)

	slow, _ := slowRegistry(t, false)
	pulled, _ := start(t, nil, "apply", "--auto-approve", "-f", writeConfig(t, dir, "pull.hcl", withImage("x", slow)))
	await(t, "the pull", func() bool {
		_, ingests := held(t, "kukeon-crash")
		return strings.Contains(strings.Join(ingests, "\n"), "layer-")
	})
	kill(t, pulled)

	living := exec.Command("kuke", "exec", "-it", "crash/s/t/c0/side", "sh", "-c", "echo $((6*7)); read x; echo got $x; exec sleep 1234")
	term := newTerminal(t, living)
	term.sees("42")
	mustKuke(t, "apply", "--auto-approve", "-f", config)
	if leases, ingests := held(t, "kukeon-crash"); len(leases)+len(ingests) > 0 {
		t.Errorf("left in containerd: leases %v, content %v", leases, ingests)
	}
	directories, _ := filepath.Glob("/run/kukeon/processes/*")
	fifos, _ := filepath.Glob("/run/containerd/fifo/*")
	if len(directories) != 1 || len(fifos) > 0 {
		t.Errorf("there are the directories %v and %v, want that of the command that runs", directories, fifos)
	}
	if out, err := exec.Command("pgrep", "-fx", "sleep 4321").Output(); err == nil {
		t.Errorf("what the killed command ran goes on: %s", out)
	}
	term.key("on\n")
	term.sees("got on")
	kill(t, living)
}

// writeLargeTar writes a root file system that takes a while to be read.
func writeLargeTar(t *testing.T, file string) {
	t.Helper()
	const size, end = 256 << 20, 1 << 10
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := tar.NewWriter(f).WriteHeader(&tar.Header{Name: "zeros", Mode: 0o600, Size: size}); err != nil {
		t.Fatal(err)
	}
	header, err := f.Seek(0, io.SeekCurrent)
	if err == nil {
		err = f.Truncate(header + size + end)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// interruptedSoon makes sure that a command was interrupted, and soon.
func interruptedSoon(t *testing.T, cmd *exec.Cmd, out *bytes.Buffer) {
	t.Helper()
	begin := time.Now()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	const soon = 5 * time.Second // the busiest host is quicker than a registry that doesn't answer, or a layer that doesn't come
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted || time.Since(begin) > soon {
		t.Errorf("it ended with %v after %s:\n%s", err, time.Since(begin), out)
	}
}

// TestInterruptedTransfers presses Ctrl-C once while an image is on its way, which ends it at once and leaves nothing of it.
func TestInterruptedTransfers(t *testing.T) {
	dir := crashHost(t)
	mustKuke(t, "apply", "--auto-approve", "-f", writeConfig(t, dir, "main.hcl", cells(1, "x")))
	nothingHeld := func() {
		t.Helper()
		if leases, ingests := held(t, "kukeon-crash"); len(leases)+len(ingests) > 0 {
			t.Errorf("left in containerd: leases %v, content %v", leases, ingests)
		}
	}

	slow, _ := slowRegistry(t, false)
	pull, out := start(t, nil, "apply", "--auto-approve", "-f", writeConfig(t, dir, "pull.hcl", withImage("x", slow)))
	awaitIngest(t, "kukeon-crash")
	interruptedSoon(t, pull, out)
	if text := out.String(); !strings.Contains(text, "Apply incomplete") || !strings.Contains(text, "given up") {
		t.Errorf("the apply says\n%s", text)
	}
	nothingHeld()

	file := filepath.Join(dir, "large.tar")
	writeLargeTar(t, file)
	imported, out := start(t, nil, "image", "import", "--realm", "crash", "--name", "large", file)
	awaitIngest(t, "kukeon-crash")
	interruptedSoon(t, imported, out)
	nothingHeld()

	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	defer reader.Close()
	piped, out := start(t, reader, "image", "import", "--realm", "crash", "--name", "piped", "-")
	if _, err := writer.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	interruptedSoon(t, piped, out)

	deaf, asked := slowRegistry(t, true)
	plan, out := start(t, nil, "plan", "-f", writeConfig(t, dir, "deaf.hcl", withImage("x", deaf)))
	await(t, "the question", asked.Load)
	interruptedSoon(t, plan, out)
	if text := out.String(); !strings.Contains(text, "interrupted: nothing was changed") {
		t.Errorf("the plan says\n%s", text)
	}
}
