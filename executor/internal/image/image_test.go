package image_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/errdefs"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/labhost"
	"github.com/kukeon/kuke/executor/internal/namespace"
	"github.com/kukeon/kuke/executor/internal/snapshot"
	"github.com/kukeon/kuke/executor/internal/task"
)

// pipe hides that a reader could seek.
type pipe struct{ io.Reader }

func zipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// tarOf returns a tar of the files, given as name, content, name, content, ….
func tarOf(t *testing.T, files ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Size: int64(len(files[i+1])), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// dockerArchive returns what "docker save" wrote, in the old layout.
func dockerArchive(t *testing.T, layer []byte, tags string) []byte {
	t.Helper()
	config := fmt.Sprintf(`{"architecture":"amd64","os":"linux","config":{"Entrypoint":["/bin/sh","-c"],"Cmd":["echo from the image"],"StopSignal":"SIGINT"},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}`, sum(layer))
	id := sum([]byte(config))
	return tarOf(t, id+"/layer.tar", string(layer), id+".json", config,
		"manifest.json", fmt.Sprintf(`[{"Config":"%s.json","RepoTags":%s,"Layers":["%s/layer.tar"]}]`, id, tags, id))
}

// registryArchive returns an archive as go-containerregistry writes it, and so crane, ko, kaniko and bazel: the config comes
// first, the layers are compressed, and the manifest is last.
func registryArchive(t *testing.T, layer []byte, configName, tag string) []byte {
	t.Helper()
	config := fmt.Sprintf(`{"architecture":"amd64","os":"linux","config":{"Cmd":["/bin/true"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}`, sum(layer))
	if strings.Contains(configName, "%s") {
		configName = fmt.Sprintf(configName, sum([]byte(config)))
	}
	small := zipped(t, layer)
	name := sum(small) + ".tar.gz"
	return tarOf(t, configName, config, name, string(small),
		"manifest.json", fmt.Sprintf(`[{"Config":%q,"RepoTags":[%q],"Layers":[%q]}]`, configName, tag, name))
}

func TestImport(t *testing.T) {
	h := labhost.NewHost(t)
	layer := labhost.RootfsTar(t)
	var oci bytes.Buffer
	import1 := func(r io.Reader, name, want string) {
		t.Helper()
		begin := time.Now()
		names, err := image.Import(h.Ctx, h.Client, h.NS, r, name)
		h.Must(err)
		t.Logf("%s: %s", want, time.Since(begin))
		if strings.Join(names, " ") != want {
			t.Errorf("names %v, want %s", names, want)
		}
		h.Must(image.EnsureUnpacked(h.Ctx, h.Client, h.NS, names[0]))
	}
	import1(bytes.NewReader(layer), "plain", "docker.io/library/plain:latest")
	import1(pipe{bytes.NewReader(layer)}, "example.com/a/piped:1", "example.com/a/piped:1")
	import1(bytes.NewReader(zipped(t, layer)), "zipped", "docker.io/library/zipped:latest")
	first, ok, err := image.Digest(h.Ctx, h.Client, h.NS, "docker.io/library/plain:latest")
	h.Must(err)
	second, _, err := image.Digest(h.Ctx, h.Client, h.NS, "docker.io/library/zipped:latest")
	h.Must(err)
	if !ok || first != second {
		t.Errorf("digests %s and %s", first, second)
	}
	import1(bytes.NewReader(dockerArchive(t, layer, `["shop:1","shop:2"]`)), "", "docker.io/library/shop:1 docker.io/library/shop:2")
	import1(bytes.NewReader(registryArchive(t, layer, "sha256:%s", "ko.local/app:1")), "", "ko.local/app:1")
	import1(pipe{bytes.NewReader(registryArchive(t, layer, "sha256:%s", "ko.local/app:1"))}, "crane", "docker.io/library/crane:latest")
	import1(bytes.NewReader(registryArchive(t, layer, "config.json", "jib:1")), "", "docker.io/library/jib:1")
	import1(bytes.NewReader(zipped(t, dockerArchive(t, layer, `[]`))), "given", "docker.io/library/given:latest")
	h.Must(h.Client.Containerd.Export(client.In(h.Ctx, h.NS), &oci, archive.WithImage(h.Client.Containerd.ImageService(), "docker.io/library/given:latest")))
	h.Must(image.Remove(h.Ctx, h.Client, h.NS, "docker.io/library/given:latest"))
	import1(bytes.NewReader(oci.Bytes()), "", "docker.io/library/given:latest")
	import1(pipe{bytes.NewReader(oci.Bytes())}, "other:2", "docker.io/library/other:2")
	if zstd, err := exec.LookPath("zstd"); err == nil {
		cmd := exec.Command(zstd, "-c")
		cmd.Stdin = bytes.NewReader(layer)
		out, err := cmd.Output()
		h.Must(err)
		import1(bytes.NewReader(out), "zstd", "docker.io/library/zstd:latest")
	}
	o := h.Options("a", resource.Container{})
	o.Image = "docker.io/library/other:2"
	if out := h.Run(o); out != "from the image\n" && out != "" {
		t.Errorf("output %q", out)
	}
	if label := h.Find("a").Labels["io.containerd.image.config.stop-signal"]; label != "SIGINT" {
		t.Errorf("stop signal %q", label)
	}
	list, err := image.List(h.Ctx, h.Client, h.NS)
	h.Must(err)
	for _, entry := range list {
		if entry.Size < 1<<19 || entry.Created.IsZero() || !strings.HasPrefix(entry.Digest, "sha256:") {
			t.Errorf("%+v", entry)
		}
	}
	for _, entry := range list {
		h.Must(image.Remove(h.Ctx, h.Client, h.NS, entry.Name))
		h.Must(image.Remove(h.Ctx, h.Client, h.NS, entry.Name))
	}
	h.Must(task.Remove(h.Ctx, h.Client, h.NS, "a"))
}

func TestImportRefusesGarbage(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	before, _, err := image.Digest(h.Ctx, h.Client, h.NS, labhost.Image)
	h.Must(err)
	whole := labhost.RootfsTar(t)
	for name, data := range map[string][]byte{
		"garbage":       []byte(strings.Repeat("this is no tar\n", 1000)),
		"empty file":    {},
		"empty tar":     make([]byte, 1024),
		"cut rootfs":    whole[:len(whole)/2],
		"cut gzip":      zipped(t, whole)[:400000],
		"no layout":     tarOf(t, "blobs/sha256/x", "y"),
		"no name":       dockerArchive(t, whole, `["not a name!"]`),
		"wrong diff id": bytes.Replace(dockerArchive(t, whole, `["a"]`), []byte(`"sha256:`), []byte(`"sha256:0`), 1),
	} {
		names, err := image.Import(h.Ctx, h.Client, h.NS, bytes.NewReader(data), "busybox:test")
		if name == "no name" {
			names, err = image.Import(h.Ctx, h.Client, h.NS, bytes.NewReader(data), "")
		}
		t.Logf("%s: %v", name, err)
		if err == nil || len(names) > 0 {
			t.Errorf("%s: imported as %v", name, names)
		}
	}
	if _, err := image.Import(h.Ctx, h.Client, h.NS, bytes.NewReader(whole), ""); err == nil {
		t.Error("a root file system without a name is taken")
	}
	after, _, err := image.Digest(h.Ctx, h.Client, h.NS, labhost.Image)
	h.Must(err)
	if before != after {
		t.Errorf("the older image was %s and is %s", before, after)
	}
	h.Must(image.EnsureUnpacked(h.Ctx, h.Client, h.NS, labhost.Image))
}

// containerd goes on writing to an ingest for a moment after its writer was closed, while it is taken away.
func TestImportCutShort(t *testing.T) {
	h := labhost.NewHost(t)
	cut := make([]byte, 700)
	copy(cut, tarOf(t, "file", strings.Repeat("y", 2000)))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				_, err := image.Import(h.Ctx, h.Client, h.NS, bytes.NewReader(cut), "busybox:test")
				if !errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "unlinkat") {
					t.Errorf("error %v", err)
				}
			}
		})
	}
	wg.Wait()
	if left := ingests(t); len(left) > 0 {
		t.Errorf("%d are left: %v", len(left), left)
	}
}

// ingests lists what is being written to containerd's content store, in all namespaces.
func ingests(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("/var/lib/containerd/*content*/ingest/*")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// oneImage serves one image without any authentication.
func oneImage(t *testing.T, layer []byte) *httptest.Server {
	t.Helper()
	blob := zipped(t, layer)
	config := fmt.Sprintf(`{"architecture":"amd64","os":"linux","config":{"Cmd":["/bin/sh"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}`, sum(layer))
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:" + sum([]byte(config)), "size": len(config)},
		"layers": []any{map[string]any{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha256:" + sum(blob), "size": len(blob)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	serve := func(w http.ResponseWriter, r *http.Request, mediaType string, data []byte) {
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Docker-Content-Digest", "sha256:"+sum(data))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/manifests/v1"), strings.HasSuffix(r.URL.Path, "/manifests/sha256:"+sum(manifest)):
			serve(w, r, "application/vnd.oci.image.manifest.v1+json", manifest)
		case strings.HasSuffix(r.URL.Path, sum([]byte(config))):
			serve(w, r, "application/octet-stream", []byte(config))
		case strings.HasSuffix(r.URL.Path, sum(blob)):
			serve(w, r, "application/octet-stream", blob)
		default:
			http.NotFound(w, r)
		}
	}))
}

func TestPull(t *testing.T) {
	h := labhost.NewHost(t)
	server := oneImage(t, labhost.RootfsTar(t))
	defer server.Close()
	ref := strings.TrimPrefix(server.URL, "http://") + "/team/web:v1"
	resolved, err := image.Resolve(h.Ctx, nil, ref)
	h.Must(err)
	if _, ok, err := image.Digest(h.Ctx, h.Client, h.NS, ref); ok || err != nil {
		t.Errorf("image before the pull: %v, %v", ok, err)
	}
	var done, total int64
	puller := image.NewPuller(h.Client, image.DefaultStall)
	pulled, err := puller.Pull(h.Ctx, nil, h.NS, ref, func(p image.Progress) {
		if p.Bytes < done || p.Total < total || p.Bytes > p.Total {
			t.Errorf("%d of %d bytes have arrived, after %d of %d", p.Bytes, p.Total, done, total)
		}
		done, total = p.Bytes, p.Total
	})
	h.Must(err)
	if pulled != resolved {
		t.Errorf("resolved %s, pulled %s", resolved, pulled)
	}
	images, err := image.List(h.Ctx, h.Client, h.NS)
	h.Must(err)
	if len(images) != 1 || done != total || total != images[0].Size {
		t.Errorf("%d of %d bytes have arrived of %v", done, total, images)
	}
	o := h.Options("a", labhost.Sh("echo pulled"))
	o.Image = ref
	if out := h.Run(o); out != "pulled\n" {
		t.Errorf("output %q", out)
	}
	_, err = puller.Pull(h.Ctx, nil, h.NS, strings.Replace(ref, "v1", "v2", 1), func(image.Progress) {
		t.Error("bytes of a missing tag have arrived")
	})
	t.Log(err)
	if !errdefs.IsNotFound(err) {
		t.Errorf("a missing tag: %v", err)
	}
	_, err = image.Resolve(h.Ctx, nil, "127.0.0.1:1/x:v1")
	t.Log(err)
	if err == nil {
		t.Error("nobody answers, and no error")
	}
	h.Must(task.Remove(h.Ctx, h.Client, h.NS, "a"))
}

// Nothing of a realm stays in containerd, and nothing of it on the disk.
func TestNamespaceLeavesNothing(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	h.Start(h.Options("a", labhost.Sh("exec sleep 100")))
	h.Must(task.Remove(h.Ctx, h.Client, h.NS, "a"))
	h.Must(namespace.Remove(h.Ctx, h.Client, h.NS))
	ctx := client.In(h.Ctx, h.NS)
	count := 0
	h.Must(h.Client.Containerd.SnapshotService(snapshot.Snapshotter).Walk(ctx, func(context.Context, snapshots.Info) error { count++; return nil }))
	if count != 0 {
		t.Errorf("%d snapshots are left", count)
	}
	var left []string
	for range 100 {
		left = ingests(t)
		for _, pattern := range []string{"*/blobs/sha256/*", "*snapshotter.v1.overlayfs/snapshots/*"} {
			matches, err := filepath.Glob(filepath.Join("/var/lib/containerd", pattern))
			h.Must(err)
			left = append(left, matches...)
		}
		if len(left) == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if len(left) > 0 {
		t.Errorf("left on the disk: %v", left)
	}
	if _, err := os.Stat("/run/containerd/io.containerd.runtime.v2.task/" + h.NS + "/a"); err == nil {
		t.Error("the bundle is left")
	}
}
