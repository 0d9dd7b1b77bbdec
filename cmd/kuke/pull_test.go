package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPullCost plans a pull: the plan tells the size that the registry tells, and the registry may as well tell none.
func TestPullCost(t *testing.T) {
	dir := crashHost(t)
	const mediaType = "application/vnd.oci.image.manifest.v1+json"
	blob := fmt.Sprintf("sha256:%064d", 1)
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":1000},"layers":[`+
		`{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":%[2]q,"size":44000000},{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":%[2]q,"size":999000}]}`, mediaType, blob)
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(manifest)))
	silent := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known := strings.HasSuffix(r.URL.Path, "/manifests/1.0") || strings.HasSuffix(r.URL.Path, "/manifests/"+digest)
		if !known || silent && r.Method == http.MethodGet {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Docker-Content-Digest", digest)
		w.Header().Set("Content-Length", fmt.Sprint(len(manifest)))
		if r.Method == http.MethodGet {
			fmt.Fprint(w, manifest)
		}
	}))
	defer server.Close()
	image := strings.TrimPrefix(server.URL, "http://") + "/shop:1.0"
	config := writeConfig(t, dir, "main.hcl", fmt.Sprintf("realm \"crash\" {\n  space \"s\" {\n    stack \"t\" {\n      cell \"c\" {\n        container \"root\" {\n          image = %q\n        }\n      }\n    }\n  }\n}\n", image))
	for _, want := range []string{"\nCost: 1 image to pull (45 MB).\n", "\nCost: 1 image to pull.\n"} {
		if out := mustKuke(t, "plan", "-f", config); !strings.Contains(out, want) || strings.Contains(out, "Warning") {
			t.Errorf("no %q in\n%s", want, out)
		}
		silent = true
	}
}
