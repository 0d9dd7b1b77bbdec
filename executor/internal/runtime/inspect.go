package runtime

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Inspection is what containerd says of how a container was made.
type Inspection struct {
	Spec *specs.Spec
	// Image is the reference it was made from, ImageDigest and Config those of what the namespace has by that name; they
	// are empty where it has none.
	Image, ImageDigest string
	Config             ocispec.ImageConfig
	// Record is what is kept with the container, see [CreateOptions.Record]; nil for none.
	Record []byte
}

// Inspect reads how the container was made. One that isn't there is errdefs.ErrNotFound.
func (c *Client) Inspect(ctx context.Context, ns, id string) (*Inspection, error) {
	ctx = in(ctx, ns)
	record, err := c.c.ContainerService().Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("inspect container %s: %w", id, err)
	}
	made, err := specOf(record)
	if err != nil {
		return nil, fmt.Errorf("inspect container %s: its spec: %w", id, err)
	}
	found := &Inspection{Spec: made, Image: record.Image}
	if kept := record.Extensions[extensionName]; kept != nil {
		found.Record = kept.GetValue()
	}
	if record.Image == "" {
		return found, nil
	}
	image, err := c.c.GetImage(ctx, record.Image)
	if errdefs.IsNotFound(err) {
		return found, nil
	}
	if err != nil {
		return nil, fmt.Errorf("inspect container %s: its image: %w", id, err)
	}
	config, err := image.Spec(ctx)
	if err != nil {
		return nil, fmt.Errorf("inspect container %s: the config of image %s: %w", id, record.Image, err)
	}
	found.ImageDigest, found.Config = image.Target().Digest.String(), config.Config
	return found, nil
}
