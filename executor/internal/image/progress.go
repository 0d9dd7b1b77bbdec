package image

import (
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// reportEvery is the minimum time between two reports of a pull in which no layer has come to another state.
const reportEvery = 100 * time.Millisecond

// Progress tells how much of an image has arrived.
type Progress struct {
	// Bytes is the number of bytes that have arrived, and Total that of all that are known to be needed, which grows until all
	// layers are known.
	Bytes, Total int64
	// Layers are those of the image, the lowest first.
	Layers []Layer
}

// Layer tells how much of a layer has arrived.
type Layer struct {
	Digest string
	// State is one of the states below, in their order.
	State        string
	Bytes, Total int64
}

// The states of a layer.
const (
	LayerWaiting     = "waiting"
	LayerDownloading = "downloading"
	LayerDownloaded  = "downloaded"
	LayerUnpacking   = "unpacking"
	LayerDone        = "done"
)

// progress counts the bytes of an image that have arrived.
type progress struct {
	mu          sync.Mutex
	blobs       map[digest.Digest]*Layer // indexes, manifests and configs, too
	layers      []*Layer                 // in the order of the manifest
	done, total int64
	reported    time.Time
	pending     bool           // a report is to come
	report      func(Progress) // nil once the pull has ended
}

func newProgress(report func(Progress)) *progress {
	return &progress{blobs: map[digest.Digest]*Layer{}, report: report}
}

// expect notes the layers of a manifest.
func (p *progress) expect(children []ocispec.Descriptor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, desc := range children {
		if images.IsLayerType(desc.MediaType) {
			p.add(desc)
		}
	}
	p.tell(true)
}

// add returns the progress of a blob, which it notes where it is new.
func (p *progress) add(desc ocispec.Descriptor) *Layer {
	b := p.blobs[desc.Digest]
	if b == nil {
		b = &Layer{Digest: desc.Digest.String(), State: LayerWaiting, Total: desc.Size}
		p.blobs[desc.Digest] = b
		p.total += desc.Size
		if images.IsLayerType(desc.MediaType) {
			p.layers = append(p.layers, b)
		}
	}
	return b
}

// begin notes that a blob is being fetched.
func (p *progress) begin(desc ocispec.Descriptor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(desc).State = LayerDownloading
	p.tell(true)
}

// move notes how much of a blob has arrived.
func (p *progress) move(d digest.Digest, to int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moveTo(p.blobs[d], to)
	p.tell(p.done >= p.total)
}

func (p *progress) moveTo(b *Layer, to int64) {
	p.done += to - b.Bytes
	b.Bytes = to
}

// arrived notes that the namespace has a blob, whoever has fetched it.
func (p *progress) arrived(d digest.Digest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.blobs[d]; b != nil {
		p.moveTo(b, b.Total)
		b.State = LayerDownloaded
		p.tell(true)
	}
}

// unpacking notes that a layer is being unpacked. Layers are unpacked one after the other.
func (p *progress) unpacking(d digest.Digest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.layers {
		if b.State == LayerUnpacking {
			b.State = LayerDone
		}
	}
	if b := p.blobs[d]; b != nil {
		b.State = LayerUnpacking
	}
	p.tell(true)
}

// end ends the reports. Of an image that was pulled, layers that are unpacked in the namespace were not fetched.
func (p *progress) end(pulled bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pulled {
		for _, b := range p.blobs {
			p.moveTo(b, b.Total)
			b.State = LayerDone
		}
		p.tell(true)
	}
	p.report = nil
}

func (p *progress) tellLate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending = false
	p.tell(true)
}

// tell reports the progress, or a little later where it has just done so. The caller holds p.mu.
func (p *progress) tell(always bool) {
	if p.report == nil || p.total == 0 {
		return
	}
	if wait := reportEvery - time.Since(p.reported); !always && wait > 0 {
		if !p.pending { // the last bytes before a stall are told, too
			p.pending = true
			time.AfterFunc(wait, p.tellLate)
		}
		return
	}
	p.reported = time.Now()
	all := Progress{Bytes: p.done, Total: p.total, Layers: make([]Layer, len(p.layers))}
	for i, b := range p.layers {
		all.Layers[i] = *b
	}
	p.report(all)
}
