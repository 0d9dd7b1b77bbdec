package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/diff"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/registry"
	"github.com/kukeon/kuke/executor/internal/snapshot"
)

const (
	// imagesAtOnce and layersAtOnce are the maximum numbers of images that are pulled at once, and of layers of one of them.
	imagesAtOnce, layersAtOnce = 5, 3
	// DefaultStall is the time without a byte after which a connection is given up.
	DefaultStall = 30 * time.Second
)

// Puller pulls images. It may be used by several goroutines at once.
type Puller struct {
	client *client.Client
	// stall is the time without a byte after which a connection is given up and the rest is asked for over another one.
	stall time.Duration
	// images holds a value for each image that is pulled.
	images chan struct{}

	mu sync.Mutex
	// fetching are the blobs on their way, whichever namespace they are for. Each channel is closed at the end of its blob.
	fetching map[digest.Digest]chan struct{}
}

// NewPuller returns a puller; stall is the time without a byte after which it gives a connection up.
func NewPuller(c *client.Client, stall time.Duration) *Puller {
	return &Puller{client: c, stall: stall, images: make(chan struct{}, imagesAtOnce), fetching: map[digest.Digest]chan struct{}{}}
}

// Pull pulls the image for the host's platform, unpacks it, and returns its digest. report is called with the progress, never by
// two goroutines at once, and not after Pull has returned.
//
// A blob is fetched once at a time: whoever else needs it waits, and takes it from containerd's content store. A connection
// without a byte is given up, and the rest is fetched over another one. Where that fails, the error is an [*IncompleteError], and
// the namespace keeps the parts that have arrived for some time: the next pull of the reference goes on from there. Where ctx ends
// or Pull fails for another reason, nothing stays. An error of the registry is a [*registry.Error].
func (p *Puller) Pull(ctx context.Context, keys *registry.Keyring, ns, ref string, report func(Progress)) (digest string, err error) {
	select {
	case p.images <- struct{}{}:
		defer func() { <-p.images }()
	case <-ctx.Done():
		return "", fmt.Errorf("pull image %s: %w", ref, ctx.Err())
	}
	ctx, release, err := p.client.Lease(client.In(ctx, ns))
	if err != nil {
		return "", fmt.Errorf("pull image %s: %w", ref, err)
	}
	defer func() {
		if given := new(IncompleteError); errors.As(err, &given) && ctx.Err() == nil {
			err = errors.Join(err, keepPartial(ctx, p.client, ref))
		}
		err = errors.Join(err, release(err != nil))
	}()
	from, err := registry.New(client.Quiet(ctx), keys, ref)
	if err != nil {
		return "", err
	}
	of := &pull{puller: p, progress: newProgress(report), layers: make(chan struct{}, layersAtOnce)}
	defer func() { of.progress.end(err == nil) }()
	image, err := p.client.Containerd.Pull(ctx, ref,
		containerd.WithResolver(&resumingResolver{from, of}), containerd.WithImageHandlerWrapper(of.handler),
		containerd.WithPullUnpack, containerd.WithPullSnapshotter(snapshot.Snapshotter),
		containerd.WithUnpackOpts([]containerd.UnpackOpt{containerd.WithUnpackApplyOpts(of.unpacking)}))
	if err != nil {
		if !errors.As(err, new(*IncompleteError)) {
			err = from.Explain(client.Quiet(ctx), err)
		}
		return "", fmt.Errorf("pull image %s: %w", ref, err)
	}
	return image.Target().Digest.String(), dropPartial(ctx, p.client, ref)
}

// lock waits until nobody fetches the blob, and keeps others from it until unlock is called.
func (p *Puller) lock(ctx context.Context, d digest.Digest) (unlock func(), err error) {
	for {
		p.mu.Lock()
		others, busy := p.fetching[d]
		if !busy {
			done := make(chan struct{})
			p.fetching[d] = done
			p.mu.Unlock()
			return func() {
				p.mu.Lock()
				delete(p.fetching, d)
				p.mu.Unlock()
				close(done)
			}, nil
		}
		p.mu.Unlock()
		select {
		case <-others:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// pull is one pull of an image.
type pull struct {
	puller   *Puller
	progress *progress
	// layers holds a value for each layer that is fetched.
	layers chan struct{}
}

// handler wraps the fetching of blobs: each is fetched once at a time, and only some layers are.
func (p *pull) handler(fetch images.Handler) images.Handler {
	return images.HandlerFunc(func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		// A layer that waits for the lock has no place yet: those that have one go on.
		unlock, err := p.puller.lock(ctx, desc.Digest)
		if err != nil {
			return nil, err
		}
		defer unlock()
		if images.IsLayerType(desc.MediaType) {
			select {
			case p.layers <- struct{}{}:
				defer func() { <-p.layers }()
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		children, err := fetch.Handle(ctx, desc)
		if err == nil {
			p.progress.arrived(desc.Digest)
			if images.IsManifestType(desc.MediaType) {
				p.progress.expect(children)
			}
		}
		return children, err
	})
}

// unpacking implements [diff.ApplyOpt]: it notes that a layer is about to be unpacked.
func (p *pull) unpacking(_ context.Context, desc ocispec.Descriptor, _ *diff.ApplyConfig) error {
	p.progress.unpacking(desc.Digest)
	return nil
}

// resumingResolver is a resolver whose blobs are counted, and resumed where their connections break.
type resumingResolver struct {
	remotes.Resolver
	of *pull
}

// Resolve implements [remotes.Resolver]. It limits the time for the answer.
func (r *resumingResolver) Resolve(ctx context.Context, ref string) (string, ocispec.Descriptor, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	return r.Resolver.Resolve(ctx, ref)
}

// Fetcher implements [remotes.Resolver].
func (r *resumingResolver) Fetcher(ctx context.Context, ref string) (remotes.Fetcher, error) {
	fetcher, err := r.Resolver.Fetcher(ctx, ref)
	if err != nil {
		return nil, err
	}
	return remotes.FetcherFunc(func(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
		r.of.progress.begin(desc)
		return &resuming{
			ctx: ctx, fetcher: fetcher, desc: desc, stall: r.of.puller.stall, since: time.Now(), kept: true,
			moved: func(at int64) { r.of.progress.move(desc.Digest, at) },
		}, nil
	}), nil
}
