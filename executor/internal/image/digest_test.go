package image_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/labhost"
	"github.com/kukeon/kuke/executor/internal/task"
)

// layout is an OCI archive in the making: its blobs.
type layout struct {
	t     *testing.T
	files []string
}

func (l *layout) blob(mediaType string, data []byte) ocispec.Descriptor {
	l.files = append(l.files, "blobs/sha256/"+sum(data), string(data))
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
}

func (l *layout) json(mediaType string, v any) ocispec.Descriptor {
	l.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		l.t.Fatal(err)
	}
	return l.blob(mediaType, data)
}

// An image is found by its digest, be that of an index or of the manifest in it, and can be given a further name.
func TestDigest(t *testing.T) {
	h := labhost.NewHost(t)
	layer := labhost.RootfsTar(t)
	l := &layout{t: t}
	own := platforms.DefaultSpec()
	blob := l.blob(ocispec.MediaTypeImageLayer, layer)
	config := l.json(ocispec.MediaTypeImageConfig, map[string]any{
		"architecture": own.Architecture, "os": own.OS, "config": map[string]any{}, "rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + sum(layer)}},
	})
	manifest := l.json(ocispec.MediaTypeImageManifest, map[string]any{"schemaVersion": 2, "config": config, "layers": []any{blob}})
	gone := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: digest.FromString("gone"), Size: 4}
	partial := l.json(ocispec.MediaTypeImageManifest, map[string]any{"schemaVersion": 2, "config": config, "layers": []any{gone}})
	manifest.Platform, partial.Platform = &own, &ocispec.Platform{OS: "linux", Architecture: "riscv64"}
	index := l.json(ocispec.MediaTypeImageIndex, map[string]any{"schemaVersion": 2, "manifests": []any{partial, manifest}})
	top, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []any{index}})
	h.Must(err)
	_, err = image.Import(h.Ctx, h.Client, h.NS, bytes.NewReader(tarOf(t, append([]string{"oci-layout", `{"imageLayoutVersion":"1.0.0"}`, "index.json", string(top)}, l.files...)...)), "app")
	h.Must(err)
	const app = "docker.io/library/app:latest"
	has := func(what string, d ocispec.Descriptor, want bool) {
		t.Helper()
		if got, err := image.HasContent(h.Ctx, h.Client, h.NS, d.Digest.String()); err != nil || got != want {
			t.Errorf("the %s is there: %t, %v", what, got, err)
		}
	}
	has("index", index, true)
	has("manifest", manifest, true)
	has("manifest without its layer", partial, false)
	has("config", config, false)
	has("layer", blob, false)
	has("missing layer", gone, false)
	for _, d := range []ocispec.Descriptor{index, manifest} {
		if got, err := image.Manifest(h.Ctx, h.Client, h.NS, d.Digest.String()); err != nil || got != manifest.Digest.String() {
			t.Errorf("manifest of %s: %s, %v", d.MediaType, got, err)
		}
	}
	if _, err := image.Manifest(h.Ctx, h.Client, h.NS, gone.Digest.String()); !errdefs.IsNotFound(err) {
		t.Errorf("manifest of nothing: %v", err)
	}
	pinned := fmt.Sprintf("docker.io/library/app@%s", manifest.Digest)
	if err := image.Tag(h.Ctx, h.Client, h.NS, pinned, gone.Digest.String()); !errdefs.IsNotFound(err) {
		t.Errorf("a name for nothing: %v", err)
	}
	for range 2 { // done again, it is the same
		h.Must(image.Tag(h.Ctx, h.Client, h.NS, pinned, manifest.Digest.String()))
	}
	h.Must(image.Remove(h.Ctx, h.Client, h.NS, app))
	has("index", index, false)
	has("manifest", manifest, true)
	h.Must(image.EnsureUnpacked(h.Ctx, h.Client, h.NS, pinned))
	o := h.Options("a", labhost.Sh("echo by digest"))
	o.Image = pinned
	if out := h.Run(o); out != "by digest\n" {
		t.Errorf("output %q", out)
	}
	h.Must(containers.SetImage(h.Ctx, h.Client, h.NS, "a", app))
	if got := h.Find("a"); got.Image != app || got.Labels["kukeon.io/path"] == "" {
		t.Errorf("container %+v", got)
	}
	h.Must(task.Remove(h.Ctx, h.Client, h.NS, "a"))
}
