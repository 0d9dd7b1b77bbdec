package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/snapshot"
)

// Shared is an image as another containerd of this machine can use it, with the files of the first one.
type Shared struct {
	Namespace string             `json:"namespace"`
	Name      string             `json:"name"`
	Target    ocispec.Descriptor `json:"target"`
	Blobs     []Blob             `json:"blobs"`
	// Layers are those of the image for this host's platform, the lowest first; empty where it is not unpacked.
	Layers []snapshot.Layer `json:"layers,omitempty"`
}

// Blob is a part of an image: an index, a manifest, a config or a packed layer.
type Blob struct {
	Digest digest.Digest     `json:"digest"`
	Size   int64             `json:"size"`
	Labels map[string]string `json:"labels,omitempty"`
}

// ContentDir returns the directory in which containerd keeps the blobs of all namespaces.
func ContentDir(ctx context.Context, c *client.Client) (string, error) {
	resp, err := c.Containerd.IntrospectionService().Plugins(client.Quiet(ctx), "type==io.containerd.content.v1")
	if err != nil {
		return "", fmt.Errorf("ask containerd for its content store: %w", errgrpc.ToNative(err))
	}
	for _, plugin := range resp.Plugins {
		if dir := plugin.Exports["root"]; dir != "" {
			return dir, nil
		}
	}
	return "", errors.New("ask containerd for its content store: it names no directory")
}

// BlobFile returns the file of a blob below [ContentDir].
func BlobFile(dir string, d digest.Digest) string {
	return filepath.Join(dir, "blobs", d.Algorithm().String(), d.Encoded())
}

// Describe returns the image of the namespace with that digest, under the given name, for [Shared.Share]. It changes nothing. For
// an image that the namespace lacks, the error is errdefs.ErrNotFound.
func Describe(ctx context.Context, c *client.Client, ns, name, digest string) (*Shared, error) {
	shared, err := describe(client.In(ctx, ns), c, ns, name, digest)
	return shared, client.Wrap(err, "describe image %s of namespace %s", name, ns)
}

func describe(ctx context.Context, c *client.Client, ns, name, digest string) (*Shared, error) {
	target, err := descriptor(ctx, c, digest)
	if err != nil {
		return nil, err
	}
	store := c.Containerd.ContentStore()
	parts, err := partsOf(ctx, store, target)
	if err != nil {
		return nil, err
	}
	s := &Shared{Namespace: ns, Name: name, Target: target}
	for _, part := range parts {
		info, err := store.Info(ctx, part.Digest)
		if errdefs.IsNotFound(err) {
			continue // a layer whose snapshot suffices
		}
		if err != nil {
			return nil, err
		}
		s.Blobs = append(s.Blobs, Blob{Digest: info.Digest, Size: info.Size, Labels: info.Labels})
	}
	image := containerd.NewImage(c.Containerd, images.Image{Name: name, Target: target})
	unpacked, err := image.IsUnpacked(ctx, snapshot.Snapshotter)
	if err != nil || !unpacked {
		return s, err
	}
	layers, err := image.RootFS(ctx)
	if err != nil {
		return nil, err
	}
	s.Layers, err = snapshot.Layers(ctx, c, ns, identity.ChainID(layers).String())
	return s, err
}

// partsOf returns the descriptors of the image that this host's platform takes, with the target.
func partsOf(ctx context.Context, from content.Provider, target ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	platform := platforms.Default()
	children := images.LimitManifests(images.FilterPlatforms(images.ChildrenHandler(from), platform), platform, 1)
	var parts []ocispec.Descriptor
	seen := map[digest.Digest]bool{}
	collect := func(ctx context.Context, d ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		if seen[d.Digest] {
			return nil, nil
		}
		seen[d.Digest] = true
		parts = append(parts, d)
		return children(ctx, d)
	}
	return parts, images.Walk(ctx, images.HandlerFunc(collect), target)
}

// Share makes the image one of this containerd. place returns the file of a blob, and show the directory of a layer: they are
// linked and mounted, not copied, and must stay as they are. See [snapshot.Share] for the mounts.
func (s *Shared) Share(ctx context.Context, c *client.Client, place func(digest.Digest) string, show func(dir string) string) error {
	return client.Wrap(s.share(client.In(ctx, s.Namespace), c, place, show), "share image %s of namespace %s", s.Name, s.Namespace)
}

func (s *Shared) share(ctx context.Context, c *client.Client, place func(digest.Digest) string, show func(dir string) string) (err error) {
	ctx, release, err := c.Lease(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release(false)) }()
	dir, err := ContentDir(ctx, c)
	if err != nil {
		return err
	}
	for _, b := range s.Blobs {
		if err := b.share(ctx, c.Containerd.ContentStore(), BlobFile(dir, b.Digest), place(b.Digest)); err != nil {
			return fmt.Errorf("blob %s: %w", b.Digest, err)
		}
	}
	if err := snapshot.Share(ctx, c, s.Layers, show); err != nil {
		return err
	}
	_, err = c.Containerd.ImageService().Create(ctx, images.Image{Name: s.Name, Target: s.Target})
	if errdefs.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// share gives containerd a link to the file of the blob. The store takes a blob that it finds there for one of another namespace,
// which needs no data to be written.
func (b *Blob) share(ctx context.Context, store content.Store, link, file string) error {
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	if err := os.Symlink(file, link); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	w, err := store.Writer(ctx, content.WithRef("kuke-share-"+b.Digest.String()), content.WithDescriptor(ocispec.Descriptor{Digest: b.Digest, Size: b.Size}))
	if errdefs.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return err
	}
	err = w.Commit(ctx, b.Size, b.Digest, content.WithLabels(b.Labels))
	if errdefs.IsAlreadyExists(err) {
		err = nil
	}
	return errors.Join(err, w.Close())
}

// childLabels are the labels by which containerd keeps the children of a blob.
func childLabels(children []ocispec.Descriptor) map[string]string {
	labels := map[string]string{}
	for i, child := range children {
		labels["containerd.io/gc.ref.content."+strconv.Itoa(i)] = child.Digest.String()
	}
	return labels
}
