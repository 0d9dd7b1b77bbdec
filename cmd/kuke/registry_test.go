package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The user and the password that the registries of scripts want.
const (
	registryUser     = "jo"
	registryPassword = "hunter2-of-the-registry"
)

// startRegistry is the command: registry VARIABLE [basic|token] [tls] [busy]; it starts a registry that has the image
// team/web:1, and sets the variable to its address. With tls the address is example.com and
// the port, and ca.pem is the certificate.
func startRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: registry VARIABLE [basic|token] [tls] [busy]")
	}
	r := &scriptRegistry{image: busyboxImage(ts)}
	secure := false
	for _, arg := range args[1:] {
		switch arg {
		case "basic":
			r.basic = true
		case "token":
			r.token = true
		case "busy":
			r.busy = true
		case "tls":
			secure = true
		default:
			ts.Fatalf("registry: unknown word %q", arg)
		}
	}
	server := httptest.NewUnstartedServer(r)
	if secure {
		server.StartTLS()
		ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
		ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), ca, 0o644))
		// example.com is a name in the certificate of httptest; only hosts.toml leads it here.
		ts.Setenv(args[0], fmt.Sprintf("example.com:%d", server.Listener.Addr().(*net.TCPAddr).Port))
	} else {
		server.Start()
		ts.Setenv(args[0], server.Listener.Addr().String())
	}
	ts.Setenv(args[0]+"_LISTENS", server.Listener.Addr().String())
	ts.Defer(server.Close)
}

// scriptRegistry serves one image.
type scriptRegistry struct {
	image              map[string]blob
	basic, token, busy bool
}

type blob struct {
	mediaType string
	data      []byte
}

// ServeHTTP implements [http.Handler].
func (s *scriptRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, password, given := r.BasicAuth()
	right := name == registryUser && password == registryPassword
	refuse := func(status int, text string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"errors":[{"code":"X","message":%q}]}`, text)
	}
	switch {
	case s.busy:
		refuse(http.StatusTooManyRequests, "you have pulled enough for today")
		return
	case s.token && r.URL.Path == "/token" && r.Method == http.MethodPost:
		_ = r.ParseForm()
		right = r.PostForm.Get("username") == registryUser && r.PostForm.Get("password") == registryPassword
		fallthrough
	case s.token && r.URL.Path == "/token":
		if !right && (given || r.Method == http.MethodPost) {
			refuse(http.StatusUnauthorized, "incorrect username or password")
			return
		}
		fmt.Fprintf(w, `{"token":"%[1]t","access_token":"%[1]t"}`, right)
		return
	case s.token && r.Header.Get("Authorization") != "Bearer true":
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test",scope="repository:team/web:pull"`, r.Host))
		refuse(http.StatusUnauthorized, "authentication required")
		return
	case s.basic && !right:
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		refuse(http.StatusUnauthorized, "authentication required")
		return
	}
	b, ok := s.image[r.URL.Path]
	if !ok {
		refuse(http.StatusNotFound, "not here")
		return
	}
	if b.mediaType != "" {
		w.Header().Set("Content-Type", b.mediaType)
		w.Header().Set("Docker-Content-Digest", blobDigest(b.data))
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b.data))
}

func blobDigest(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

// busyboxImage returns the answers of a registry with the image team/web:1, made of the root file system with busybox, and with
// team/other:1, which is for another platform.
func busyboxImage(ts *testscript.TestScript) map[string]blob {
	layerOnce.Do(func() {
		layerData, layerErr = os.ReadFile(rootfs)
		var zipped bytes.Buffer
		w, _ := gzip.NewWriterLevel(&zipped, gzip.BestSpeed)
		_, _ = w.Write(layerData)
		_ = w.Close()
		layerZipped = zipped.Bytes()
	})
	ts.Check(layerErr)
	const manifestType, indexType = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
	encode := func(v any) []byte {
		data, err := json.Marshal(v)
		ts.Check(err)
		return data
	}
	config := encode(map[string]any{"architecture": runtime.GOARCH, "os": "linux", "config": map[string]any{"Cmd": []string{"sleep", "1000"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{blobDigest(layerData)}}})
	manifest := encode(map[string]any{"schemaVersion": 2, "mediaType": manifestType,
		"config": map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": blobDigest(config), "size": len(config)},
		"layers": []any{map[string]any{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": blobDigest(layerZipped), "size": len(layerZipped)}}})
	index := encode(map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": []any{
		map[string]any{"mediaType": manifestType, "digest": blobDigest(manifest), "size": len(manifest), "platform": map[string]string{"os": "linux", "architecture": "s390x"}},
	}})
	return map[string]blob{
		"/v2/":                     {},
		"/v2/team/web/manifests/1": {manifestType, manifest},
		"/v2/team/web/manifests/" + blobDigest(manifest): {manifestType, manifest},
		"/v2/team/web/blobs/" + blobDigest(config):       {"", config},
		"/v2/team/web/blobs/" + blobDigest(layerZipped):  {"", layerZipped},
		"/v2/team/web/tags/list":                         {"", []byte(`{"tags":["1"]}`)},
		"/v2/team/other/manifests/1":                     {indexType, index},
		"/v2/team/other/manifests/" + blobDigest(index):  {indexType, index},
	}
}

var (
	layerOnce              sync.Once
	layerData, layerZipped []byte
	layerErr               error
)

// noPassword is the command: nopassword FILE...; it fails if a file, or one below a directory, holds the password of the registries
// in any spelling.
func noPassword(ts *testscript.TestScript, neg bool, args []string) {
	found := ""
	for _, arg := range args {
		ts.Check(filepath.Walk(ts.MkAbs(arg), func(path string, info os.FileInfo, err error) error {
			if err != nil || !info.Mode().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			for _, form := range []string{registryPassword, "aHVudGVyMi1vZi10aGUtcmVnaXN0cnk", "am86aHVudGVyMi1vZi10aGUtcmVnaXN0cnk"} {
				if strings.Contains(string(data), form) {
					found = path
				}
			}
			return err
		}))
	}
	if (found != "") != neg {
		ts.Fatalf("the password is in %q", found)
	}
}
