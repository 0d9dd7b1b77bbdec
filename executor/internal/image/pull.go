package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/remotes"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/registry"
	"github.com/kukeon/kuke/executor/internal/snapshot"
)

// reportEvery is the minimum time between two reports of a pull.
const reportEvery = 100 * time.Millisecond

// Pull pulls the image for the host's platform, unpacks it, and returns its digest. report is called with the number of bytes
// that have arrived, and of all that are known to be needed, which grows until all layers are known; never by two goroutines at
// once, and not after Pull has returned. An error of the registry is a [*registry.Error].
func Pull(ctx context.Context, c *client.Client, keys *registry.Keyring, ns, ref string, report func(done, total int64)) (digest string, err error) {
	ctx, release, err := c.Lease(client.In(ctx, ns))
	if err != nil {
		return "", fmt.Errorf("pull image %s: %w", ref, err)
	}
	defer func() { err = errors.Join(err, release(err != nil)) }()
	from, err := registry.New(client.Quiet(ctx), keys, ref)
	if err != nil {
		return "", err
	}
	counted := &counting{Resolver: from, report: report}
	defer counted.end()
	image, err := c.Containerd.Pull(ctx, ref, containerd.WithResolver(counted), containerd.WithPullUnpack, containerd.WithPullSnapshotter(snapshot.Snapshotter))
	if err != nil {
		return "", fmt.Errorf("pull image %s: %w", ref, from.Explain(client.Quiet(ctx), err))
	}
	return image.Target().Digest.String(), nil
}

// counting is a resolver that counts the bytes fetched through it.
type counting struct {
	remotes.Resolver

	mu          sync.Mutex
	done, total int64
	reported    time.Time
	report      func(done, total int64) // nil once the pull has ended
}

// Fetcher implements [remotes.Resolver].
func (c *counting) Fetcher(ctx context.Context, ref string) (remotes.Fetcher, error) {
	fetcher, err := c.Resolver.Fetcher(ctx, ref)
	if err != nil {
		return nil, err
	}
	return remotes.FetcherFunc(func(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
		c.add(0, desc.Size)
		body, err := fetcher.Fetch(ctx, desc)
		if err != nil {
			return nil, err
		}
		reader := &countingReader{ReadCloser: body, of: c}
		if seeker, ok := body.(io.Seeker); ok {
			return &countingSeeker{countingReader: reader, seeker: seeker}, nil
		}
		return reader, nil
	}), nil
}

// add counts bytes, and reports them unless it has just done so.
func (c *counting) add(done, total int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done += done
	c.total += total
	if now := time.Now(); c.report != nil && (now.Sub(c.reported) >= reportEvery || c.done >= c.total) {
		c.reported = now
		c.report(c.done, c.total)
	}
}

// end ends the reports.
func (c *counting) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report = nil
}

// countingReader counts the bytes of a blob. It is read by one goroutine.
type countingReader struct {
	io.ReadCloser
	of *counting
	at int64
}

// Read implements [io.Reader].
func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.move(r.at + int64(n))
	return n, err
}

func (r *countingReader) move(to int64) {
	if to != r.at {
		r.of.add(to-r.at, 0)
		r.at = to
	}
}

// countingSeeker is a countingReader of a blob of which a part is there already.
type countingSeeker struct {
	*countingReader
	seeker io.Seeker
}

// Seek implements [io.Seeker].
func (r *countingSeeker) Seek(offset int64, whence int) (int64, error) {
	at, err := r.seeker.Seek(offset, whence)
	if err == nil {
		r.move(at)
	}
	return at, err
}
