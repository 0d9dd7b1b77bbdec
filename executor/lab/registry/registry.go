// Package registry is an image registry in the process of a test, whose connections can be made to stall and to break.
package registry

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Fault makes the answers for layers of a repository incomplete.
type Fault struct {
	// Times is the number of answers that it happens to; the later ones are whole.
	Times int
	// After is the number of bytes of an answer that come before.
	After int64
	// Stall says that nothing follows; otherwise the connection ends.
	Stall bool
	// Status, where not 0, is the status of answers without any byte of the layer.
	Status int
	// NoRange says that answers begin with the first byte, whatever was asked for; it lasts.
	NoRange bool
}

// Request is one request for a layer.
type Request struct{ Path, Range string }

// Server is a registry.
type Server struct {
	server *httptest.Server
	next   http.Handler
	// end is closed for the answers that have stalled.
	end chan struct{}

	mu           sync.Mutex
	faults       map[string]*Fault
	requests     []Request
	running, max int
	small        map[string]bool
}

var blob = regexp.MustCompile(`^/v2/(.+)/blobs/(sha256:[0-9a-f]+)$`)

// Start starts a registry without images on a port of the loopback interface.
func Start() *Server {
	s := &Server{end: make(chan struct{}), faults: map[string]*Fault{}, small: map[string]bool{}, next: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	s.server = httptest.NewServer(s)
	return s
}

// Close ends the registry.
func (s *Server) Close() {
	close(s.end)
	s.server.CloseClientConnections()
	s.server.Close()
}

// Host returns the address of the registry, as image references begin with it.
func (s *Server) Host() string { return strings.TrimPrefix(s.server.URL, "http://") }

// Break sets the fault of a repository.
func (s *Server) Break(repository string, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[repository] = &f
}

// Requests returns the requests for layers since the last call, and the maximum number of answers at once.
func (s *Server) Requests() (requests []Request, atOnce int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests, atOnce = s.requests, s.max
	s.requests, s.max = nil, 0
	return requests, atOnce
}

// Push makes an image of layers with random files of the given sizes, above the root file system in rootfs where that is not
// empty, and gives it a name below the address of the registry. It returns the image.
func (s *Server) Push(repository, architecture string, rootfs []byte, sizes ...int) (v1.Image, error) {
	var layers []v1.Layer
	add := func(data []byte) error {
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
		layers = append(layers, layer)
		return err
	}
	if len(rootfs) > 0 {
		if err := add(rootfs); err != nil {
			return nil, err
		}
	}
	for i, size := range sizes {
		data, err := randomLayer(fmt.Sprintf("file%d", i), size)
		if err != nil {
			return nil, err
		}
		if err := add(data); err != nil {
			return nil, err
		}
	}
	image, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		return nil, err
	}
	image, err = mutate.ConfigFile(image, withPlatform(image, architecture))
	if err != nil {
		return nil, err
	}
	return image, s.Put(repository, image)
}

// Put gives an image a name below the address of the registry.
func (s *Server) Put(repository string, image v1.Image) error {
	ref, err := name.ParseReference(s.Host() + "/" + repository)
	if err != nil {
		return err
	}
	config, err := image.ConfigName()
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.small[config.String()] = true
	s.mu.Unlock()
	return remote.Write(ref, image)
}

func withPlatform(image v1.Image, architecture string) *v1.ConfigFile {
	config, err := image.ConfigFile()
	if err != nil {
		panic("registry: an image of this package has no config: " + err.Error())
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", architecture
	config.Config.Cmd = []string{"/bin/sh"}
	return config
}

// randomLayer returns the tar of a file that can't be compressed.
func randomLayer(file string, size int) ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	data := make([]byte, size)
	_, _ = rand.Read(data) // never fails
	if err := w.WriteHeader(&tar.Header{Name: file, Size: int64(size), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	return buf.Bytes(), w.Close()
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := blob.FindStringSubmatch(r.URL.Path)
	if r.Method != http.MethodGet || m == nil || s.isSmall(m[2]) {
		s.next.ServeHTTP(w, r)
		return
	}
	fault, happens := s.begin(m[1], Request{r.URL.Path, r.Header.Get("Range")})
	defer s.done()
	if fault.NoRange {
		r.Header.Del("Range")
	}
	switch {
	case happens && fault.Status != 0:
		http.Error(w, "broken on purpose", fault.Status)
	case happens:
		s.serve(&broken{ResponseWriter: w, request: r, server: s, fault: fault, left: fault.After}, r)
	default:
		s.serve(w, r)
	}
}

// serve serves a layer. The registry below knows only ranges that name their ends.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	whole := r.Clone(r.Context())
	whole.Header.Del("Range")
	answer := httptest.NewRecorder()
	s.next.ServeHTTP(answer, whole)
	if answer.Code != http.StatusOK {
		http.Error(w, answer.Body.String(), answer.Code)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(answer.Body.Bytes()))
}

func (s *Server) isSmall(digest string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.small[digest]
}

func (s *Server) begin(repository string, r Request) (fault Fault, happens bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	s.running++
	s.max = max(s.max, s.running)
	f := s.faults[repository]
	if f == nil {
		return Fault{}, false
	}
	if happens = f.Times > 0; happens {
		f.Times--
	}
	return *f, happens
}

func (s *Server) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
}

// broken is an answer that stops in the middle.
type broken struct {
	http.ResponseWriter
	request *http.Request
	server  *Server
	fault   Fault
	left    int64
}

// Write implements [io.Writer].
func (b *broken) Write(p []byte) (int, error) {
	if int64(len(p)) < b.left {
		n, err := b.ResponseWriter.Write(p)
		b.left -= int64(n)
		return n, err
	}
	_, _ = b.ResponseWriter.Write(p[:b.left])
	_ = http.NewResponseController(b.ResponseWriter).Flush()
	if b.fault.Stall {
		select {
		case <-b.server.end:
		case <-b.request.Context().Done():
		}
	}
	panic(http.ErrAbortHandler)
}
