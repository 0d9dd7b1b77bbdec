package image

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/executor/internal/client"
)

// maxManifest is the maximum size of a manifest or an index, in bytes: the limit of registries.
const maxManifest = 4 << 20

// HasContent reports whether the namespace has the complete image with that digest, for this host's platform, by a name of
// its own or as part of another image.
func HasContent(ctx context.Context, c *client.Client, ns, digest string) (bool, error) {
	_, err := descriptor(client.In(ctx, ns), c, digest)
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	return err == nil, client.Wrap(err, "look for an image with the digest %s in namespace %s", digest, ns)
}

// Manifest returns the digest of the manifest for this host's platform in the image with that digest: the digest itself,
// where the image is no index. For an image that the namespace lacks, the error is errdefs.ErrNotFound.
func Manifest(ctx context.Context, c *client.Client, ns, digest string) (string, error) {
	manifest, err := manifest(client.In(ctx, ns), c, digest)
	return manifest, client.Wrap(err, "look for the manifest of image %s in namespace %s", digest, ns)
}

func manifest(ctx context.Context, c *client.Client, digest string) (string, error) {
	desc, err := descriptor(ctx, c, digest)
	for err == nil && images.IsIndexType(desc.MediaType) {
		var inner []ocispec.Descriptor
		if inner, err = images.Children(ctx, c.Containerd.ContentStore(), desc); err != nil {
			break
		}
		if desc, err = ofPlatform(inner); err != nil {
			break
		}
	}
	if err != nil {
		return "", err
	}
	return desc.Digest.String(), nil
}

// ofPlatform returns the one for this host's platform of the manifests in an index, as containerd chooses it. Where there is none,
// the error is errdefs.ErrNotFound.
func ofPlatform(manifests []ocispec.Descriptor) (ocispec.Descriptor, error) {
	platform := platforms.Default()
	fitting := slices.DeleteFunc(manifests, func(d ocispec.Descriptor) bool { return d.Platform != nil && !platform.Match(*d.Platform) })
	if len(fitting) == 0 {
		return ocispec.Descriptor{}, fmt.Errorf("it has none for this platform: %w", errdefs.ErrNotFound)
	}
	slices.SortStableFunc(fitting, func(a, b ocispec.Descriptor) int {
		switch {
		case a.Platform == nil || b.Platform == nil, !platform.Less(*a.Platform, *b.Platform) && !platform.Less(*b.Platform, *a.Platform):
			return 0
		case platform.Less(*a.Platform, *b.Platform):
			return -1
		}
		return 1
	})
	return fitting[0], nil
}

// Tag gives the name ref to the image with that digest, which the namespace has by another name or as part of another
// image, and takes it from any other image. For an image that the namespace lacks, the error is errdefs.ErrNotFound.
func Tag(ctx context.Context, c *client.Client, ns, ref, digest string) error {
	return client.Wrap(tag(client.In(ctx, ns), c, ref, digest), "name the image with the digest %s %s", digest, ref)
}

func tag(ctx context.Context, c *client.Client, ref, digest string) error {
	target, err := descriptor(ctx, c, digest)
	if err != nil {
		return err
	}
	image := images.Image{Name: ref, Target: target}
	store := c.Containerd.ImageService()
	if _, err = store.Create(ctx, image); errdefs.IsAlreadyExists(err) {
		_, err = store.Update(ctx, image, "target")
	}
	return err
}

// descriptor returns the descriptor of the image with that digest, from a name of it or from its content.
func descriptor(ctx context.Context, c *client.Client, text string) (ocispec.Descriptor, error) {
	none := ocispec.Descriptor{}
	named, err := c.Containerd.ImageService().List(ctx, "target.digest=="+strconv.Quote(text))
	if err != nil {
		return none, err
	}
	if len(named) > 0 {
		return named[0].Target, nil
	}
	parsed, err := digest.Parse(text)
	if err != nil {
		return none, fmt.Errorf("%w: %w", err, errdefs.ErrInvalidArgument)
	}
	store := c.Containerd.ContentStore()
	info, err := store.Info(ctx, parsed)
	if err != nil {
		return none, err
	}
	desc := ocispec.Descriptor{Digest: parsed, Size: info.Size}
	if info.Size > maxManifest {
		return none, fmt.Errorf("it is no image: %w", errdefs.ErrNotFound)
	}
	data, err := content.ReadBlob(ctx, store, desc)
	if err != nil {
		return none, err
	}
	if desc.MediaType = mediaTypeOf(data); desc.MediaType == "" {
		return none, fmt.Errorf("it is no image: %w", errdefs.ErrNotFound)
	}
	available, _, _, missing, err := images.Check(ctx, store, desc, platforms.Default())
	if err == nil && (!available || len(missing) > 0) {
		err = fmt.Errorf("parts of it are missing: %w", errdefs.ErrNotFound)
	}
	return desc, err
}

// mediaTypeOf returns the media type of a manifest or an index, or "" where it is neither.
func mediaTypeOf(data []byte) string {
	var blob struct {
		MediaType string            `json:"mediaType"`
		Manifests []json.RawMessage `json:"manifests"`
		Layers    []json.RawMessage `json:"layers"`
	}
	switch err := json.Unmarshal(data, &blob); {
	case err != nil:
	case images.IsManifestType(blob.MediaType) || images.IsIndexType(blob.MediaType):
		return blob.MediaType
	case blob.MediaType != "":
	case blob.Manifests != nil:
		return ocispec.MediaTypeImageIndex
	case blob.Layers != nil:
		return ocispec.MediaTypeImageManifest
	}
	return ""
}
