package containers

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/spec"
)

// Inspect returns the spec, the image and the record that the container was made with. For a missing one, the error is
// errdefs.ErrNotFound.
func Inspect(ctx context.Context, c *client.Client, ns, id string) (*spec.Inspection, error) {
	ctx = client.In(ctx, ns)
	record, err := c.Containerd.ContainerService().Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("inspect container %s: %w", id, err)
	}
	made, err := spec.Of(record)
	if err != nil {
		return nil, fmt.Errorf("inspect container %s: its spec: %w", id, err)
	}
	found := &spec.Inspection{Spec: made, Image: record.Image, Labels: record.Labels}
	if kept := record.Extensions[extensionName]; kept != nil {
		found.Record = kept.GetValue()
	}
	if record.Image == "" {
		return found, nil
	}
	image, err := c.Containerd.GetImage(ctx, record.Image)
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
