package image

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// TestSize asks a registry for the size of an image with an index: that of the manifest for this platform counts, and each blob is
// asked for once.
func TestSize(t *testing.T) {
	const (
		manifestType = "application/vnd.oci.image.manifest.v1+json"
		indexType    = "application/vnd.oci.image.index.v1+json"
	)
	asked := 0
	blobs := map[string]string{}
	put := func(mediaType, content string) (of digest.Digest) {
		of = digest.FromString(content)
		blobs["/v2/team/web/manifests/"+of.String()] = mediaType + " " + content
		return of
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mediaType, content, ok := strings.Cut(blobs[r.URL.Path], " ")
		if !ok {
			http.NotFound(w, r)
			return
		}
		asked++
		w.Header().Set("Content-Type", mediaType)
		fmt.Fprint(w, content)
	}))
	defer server.Close()
	manifest := func(sizes ...int) string {
		var layers []any
		for _, size := range sizes {
			layers = append(layers, map[string]any{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest.FromString(fmt.Sprint(size)), "size": size})
		}
		data, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": map[string]any{"size": 3}, "layers": layers})
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	here, other := manifest(1000, 20), manifest(9999)
	entry := func(content, architecture string) map[string]any {
		return map[string]any{"mediaType": manifestType, "digest": put(manifestType, content), "size": len(content), "platform": map[string]any{"os": "linux", "architecture": architecture}}
	}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": []any{entry(other, "s390x"), entry(here, runtime.GOARCH)}})
	if err != nil {
		t.Fatal(err)
	}
	ref := strings.TrimPrefix(server.URL, "http://") + "/team/web:v1"
	of := put(indexType, string(index))
	for digest, want := range map[digest.Digest]int{of: 2, digest.FromString(here): 1} {
		asked = 0
		if size, err := Size(context.Background(), nil, ref, digest.String()); size != 1023 || err != nil || asked != want {
			t.Errorf("%d bytes after %d questions, %v", size, asked, err)
		}
	}
	// What a registry doesn't have, or has under a false name, has no size.
	blobs["/v2/team/web/manifests/"+digest.FromString("x").String()] = manifestType + " " + here
	for _, content := range []string{"nothing", "x"} {
		if size, err := Size(context.Background(), nil, ref, digest.FromString(content).String()); err == nil {
			t.Errorf("%s has %d bytes", content, size)
		}
	}
}
