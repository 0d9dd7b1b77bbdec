package image

import (
	"context"
	"fmt"
	"io"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/registry"
)

// Export writes an OCI archive with the named images, which Docker reads, too. Of an image for several platforms it holds the
// manifests whose content the namespace has, and the index.
func Export(ctx context.Context, c *client.Client, ns string, names []string, w io.Writer) error {
	store := c.Containerd.ContentStore()
	opts := []archive.ExportOpt{archive.WithPlatform(platforms.Default()), archive.WithSkipMissing(store)}
	for _, name := range names {
		opts = append(opts, archive.WithImage(c.Containerd.ImageService(), name))
	}
	return client.Wrap(archive.Export(client.In(ctx, ns), store, w, opts...), "save images of namespace %s", ns)
}

// Push sends the named image to the registry of its name, and returns the digest that it has there. Of an image for several
// platforms of which the namespace has only some, it sends the manifest for this host's platform. An error of the registry is a
// [*registry.Error].
func Push(ctx context.Context, c *client.Client, keys *registry.Keyring, ns, name string) (digest string, err error) {
	ctx = client.In(ctx, ns)
	image, err := c.Containerd.ImageService().Get(ctx, name)
	if err != nil {
		return "", fmt.Errorf("push image %s: %w", name, err)
	}
	to, err := registry.New(client.Quiet(ctx), keys, name)
	if err != nil {
		return "", err
	}
	target, err := pushed(ctx, c, image.Target)
	if err == nil {
		err = to.Explain(client.Quiet(ctx), c.Containerd.Push(ctx, name, target, containerd.WithResolver(to)))
	}
	return target.Digest.String(), client.Wrap(err, "push image %s", name)
}

// pushed returns the part of an image that can be pushed: a registry refuses an index without its manifests.
func pushed(ctx context.Context, c *client.Client, target ocispec.Descriptor) (ocispec.Descriptor, error) {
	whole, err := isWhole(ctx, c.Containerd.ContentStore(), target)
	if err != nil || whole {
		return target, err
	}
	found, err := manifest(ctx, c, target.Digest.String())
	if err != nil {
		return target, err
	}
	return descriptor(ctx, c, found)
}

// isWhole reports whether the namespace has all blobs of the image, for all platforms.
func isWhole(ctx context.Context, store content.Store, target ocispec.Descriptor) (bool, error) {
	err := images.Walk(ctx, images.HandlerFunc(func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		if _, err := store.Info(ctx, desc.Digest); err != nil {
			return nil, err
		}
		return images.Children(ctx, store, desc)
	}), target)
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// Details are the facts about an image.
type Details struct {
	Image
	// Names are all names of the image in the namespace, sorted.
	Names []string
	// Manifest is that for this host's platform; its digest is ManifestDigest.
	Manifest       ocispec.Manifest
	ManifestDigest string
	// Config is the config as it is in the content store; Parsed is the part of it that OCI defines.
	Config []byte
	Parsed ocispec.Image
}

// Inspect returns the facts about the named image of the namespace. For a name that it lacks, the error is errdefs.ErrNotFound.
func Inspect(ctx context.Context, c *client.Client, ns, name string) (*Details, error) {
	d, err := inspect(client.In(ctx, ns), c, name)
	return d, client.Wrap(err, "inspect image %s", name)
}

func inspect(ctx context.Context, c *client.Client, name string) (*Details, error) {
	image, err := c.Containerd.GetImage(ctx, name)
	if err != nil {
		return nil, err
	}
	d := &Details{Image: Image{Name: name, Digest: image.Target().Digest.String(), Created: image.Metadata().CreatedAt}}
	if d.Size, err = image.Size(ctx); err != nil {
		return nil, err
	}
	named, err := c.Containerd.ImageService().List(ctx, fmt.Sprintf("target.digest==%q", d.Digest))
	if err != nil {
		return nil, err
	}
	for _, other := range named {
		d.Names = append(d.Names, other.Name)
	}
	if d.ManifestDigest, err = manifest(ctx, c, d.Digest); err != nil {
		return nil, err
	}
	store := c.Containerd.ContentStore()
	if err := readJSON(ctx, store, ocispec.Descriptor{Digest: digest.Digest(d.ManifestDigest)}, &d.Manifest, nil); err != nil {
		return nil, err
	}
	return d, readJSON(ctx, store, d.Manifest.Config, &d.Parsed, &d.Config)
}
