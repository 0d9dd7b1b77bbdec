package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/registry"
)

// sizeTimeout limits the questions for the size of an image, which nothing depends on.
const sizeTimeout = 5 * time.Second

// maxNesting is the number of indexes that may contain one another.
const maxNesting = 3

// Size asks the registry for the compressed size, in bytes, of the image with that digest, as it is pulled for this host's platform:
// its configuration and its layers. It asks for the manifest, before that for the index if there is one, and changes nothing.
func Size(ctx context.Context, keys *registry.Keyring, ref, of string) (int64, error) {
	ctx, cancel := context.WithTimeout(client.Quiet(ctx), sizeTimeout)
	defer cancel()
	from, err := registry.New(ctx, keys, ref)
	if err != nil {
		return 0, err
	}
	fetcher, err := from.Fetcher(ctx, ref)
	if err != nil {
		return 0, fmt.Errorf("ask for the size of image %s: %w", ref, err)
	}
	size, err := sizeOf(ctx, fetcher, of)
	return size, client.Wrap(err, "ask for the size of image %s", ref)
}

func sizeOf(ctx context.Context, fetcher remotes.Fetcher, of string) (int64, error) {
	// A registry has manifests and indexes at the same place, and tells which of the two it is.
	desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.Digest(of), Size: maxManifest}
	for range maxNesting {
		data, err := fetch(ctx, fetcher, desc)
		if err != nil {
			return 0, err
		}
		var blob struct {
			ocispec.Manifest
			Manifests []ocispec.Descriptor `json:"manifests"`
		}
		if err := json.Unmarshal(data, &blob); err != nil {
			return 0, err
		}
		if images.IsManifestType(mediaTypeOf(data)) {
			size := blob.Config.Size
			for _, layer := range blob.Layers {
				size += layer.Size
			}
			return size, nil
		}
		if desc, err = ofPlatform(blob.Manifests); err != nil {
			return 0, err
		}
	}
	return 0, errors.New("its indexes are nested too deep")
}

// fetch returns the content of a manifest or an index. Its size may be below that of the descriptor.
func fetch(ctx context.Context, fetcher remotes.Fetcher, desc ocispec.Descriptor) ([]byte, error) {
	if err := desc.Digest.Validate(); err != nil {
		return nil, err
	}
	from, err := fetcher.Fetch(ctx, desc)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	data, err := io.ReadAll(io.LimitReader(from, maxManifest))
	if err == nil && digest.FromBytes(data) != desc.Digest {
		err = errors.New("the registry sent another content")
	}
	return data, err
}
