package image

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/containerd/containerd/v2/core/leases"

	"github.com/kukeon/kuke/executor/internal/client"
)

const (
	// partialLabel is the label of a lease that keeps the parts of an image, whose reference is the value.
	partialLabel = "kukeon.io/partial-image"
	// partialLife is the time for which the parts of an image are kept.
	partialLife = 24 * time.Hour
)

// keepPartial keeps the blobs of the lease of ctx, and the beginnings of blobs, for the next pull of the reference.
func keepPartial(ctx context.Context, c *client.Client, ref string) error {
	return client.Wrap(keepLeased(ctx, c, ref), "keep the parts of image %s", ref)
}

func keepLeased(ctx context.Context, c *client.Client, ref string) error {
	current, _ := leases.FromContext(ctx)
	service := c.Containerd.LeasesService()
	held, err := service.ListResources(ctx, leases.Lease{ID: current})
	if err != nil {
		return err
	}
	if err := dropPartial(ctx, c, ref); err != nil {
		return err
	}
	kept, err := service.Create(ctx, leases.WithID("kuke-partial-"+rand.Text()), leases.WithLabel(partialLabel, ref), leases.WithExpiration(partialLife))
	if err != nil {
		return err
	}
	for _, resource := range held {
		if resource.Type != "content" && resource.Type != "ingests" {
			continue
		}
		if err := service.AddResource(ctx, kept, resource); err != nil {
			return errors.Join(err, service.Delete(ctx, kept))
		}
	}
	return nil
}

// dropPartial ends the keeping of parts of the image. Its leases leave them to those of ctx and to the garbage collector.
func dropPartial(ctx context.Context, c *client.Client, ref string) error {
	return dropLeases(ctx, c, fmt.Sprintf("labels.%q==%s", partialLabel, strconv.Quote(ref)))
}

func dropLeases(ctx context.Context, c *client.Client, filter string) error {
	kept, err := c.Containerd.LeasesService().List(ctx, filter)
	if err != nil {
		return fmt.Errorf("list the leases of incomplete images: %w", err)
	}
	for _, lease := range kept {
		if err := client.Gone(c.Containerd.LeasesService().Delete(ctx, lease)); err != nil {
			return fmt.Errorf("remove lease %s of an incomplete image: %w", lease.ID, err)
		}
	}
	return nil
}
