package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/registry"
)

// Remote is an image of a registry that is read past containerd.
type Remote struct {
	Shared
	fetcher remotes.Fetcher
	parts   map[digest.Digest]ocispec.Descriptor
}

// FindRemote describes the image with that digest in the registry of the reference, without Layers. It reads the manifests.
// An error of the registry is a [*registry.Error].
func FindRemote(ctx context.Context, keys *registry.Keyring, ns, ref, want string) (*Remote, error) {
	ctx = client.Quiet(ctx)
	pinned := ref
	if resource.PinnedDigest(ref) == "" {
		pinned += "@" + want
	}
	from, err := registry.New(ctx, keys, pinned)
	if err != nil {
		return nil, err
	}
	r, err := findRemote(ctx, from, pinned)
	if err != nil {
		return nil, fmt.Errorf("read image %s from its registry: %w", ref, from.Explain(ctx, err))
	}
	r.Namespace, r.Name = ns, ref
	return r, nil
}

func findRemote(ctx context.Context, from remotes.Resolver, ref string) (*Remote, error) {
	name, target, err := from.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	r := &Remote{Shared: Shared{Target: target}, parts: map[digest.Digest]ocispec.Descriptor{}}
	if r.fetcher, err = from.Fetcher(ctx, name); err != nil {
		return nil, err
	}
	manifests := &fetched{fetcher: r.fetcher, data: map[digest.Digest][]byte{}}
	parts, err := partsOf(ctx, manifests, target)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		children, err := images.Children(ctx, manifests, part)
		if err != nil {
			return nil, err
		}
		r.parts[part.Digest] = part
		r.Blobs = append(r.Blobs, Blob{Digest: part.Digest, Size: part.Size, Labels: childLabels(children)})
	}
	return r, nil
}

// Fetch downloads a blob of the image, as [Puller.Pull] does where its connection stalls or breaks. The caller compares its digest.
func (r *Remote) Fetch(ctx context.Context, d digest.Digest) io.ReadCloser {
	return &resuming{ctx: client.Quiet(ctx), fetcher: r.fetcher, desc: r.parts[d], stall: DefaultStall, since: time.Now(), moved: func(int64) {}}
}

// fetched reads manifests and indexes from a registry, each once.
type fetched struct {
	fetcher remotes.Fetcher
	data    map[digest.Digest][]byte
}

// ReaderAt implements [content.Provider].
func (f *fetched) ReaderAt(ctx context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	data, ok := f.data[desc.Digest]
	if !ok {
		if desc.Size > maxManifest {
			return nil, fmt.Errorf("manifest %s has %d bytes, more than %d", desc.Digest, desc.Size, maxManifest)
		}
		from, err := f.fetcher.Fetch(ctx, desc)
		if err != nil {
			return nil, err
		}
		data, err = io.ReadAll(io.LimitReader(from, maxManifest+1))
		if err = errors.Join(err, from.Close()); err != nil {
			return nil, err
		}
		if digest.FromBytes(data) != desc.Digest {
			return nil, fmt.Errorf("the registry sent other content for %s", desc.Digest)
		}
		f.data[desc.Digest] = data
	}
	return inMemory{bytes.NewReader(data)}, nil
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }
