package containers

import (
	"context"
	"errors"
	"fmt"
	"maps"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/snapshot"
	"github.com/kukeon/kuke/executor/internal/spec"
)

// runtimeName is the name of containerd's shim for runc, [shim.Program].
const runtimeName = "io.containerd.runc.v2"

// Create makes the snapshot and the container, without a task. It first removes the leftovers of a killed Create of the
// same id; for a container that exists, the error is errdefs.ErrAlreadyExists. When it fails, or ctx ends, it removes
// everything that it made.
func Create(ctx context.Context, c *client.Client, ns string, o spec.Options) error {
	return client.Wrap(Make(client.In(ctx, ns), c, o), "create container %s", o.ID)
}

// Make is [Create] in the namespace of ctx, whose error does not name the container.
func Make(ctx context.Context, c *client.Client, o spec.Options) (err error) {
	if _, err := c.Containerd.ContainerService().Get(ctx, o.ID); err == nil {
		return errdefs.ErrAlreadyExists
	} else if !errdefs.IsNotFound(err) {
		return err
	}
	image, err := c.Containerd.GetImage(ctx, o.Image)
	if err != nil {
		return err
	}
	config, err := image.Spec(ctx)
	if err != nil {
		return fmt.Errorf("read the config of image %s: %w", o.Image, err)
	}
	opts, err := spec.Opts(o, image, config.Config)
	if err != nil {
		return err
	}
	if err := spec.LoadProfile(spec.Profile(o.Spec)); err != nil {
		return err
	}
	if err := snapshot.Remove(ctx, c, o.ID); err != nil {
		return err
	}
	ctx, release, err := c.Lease(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release(false)) }()
	defer func() {
		if err != nil {
			after, cancel := client.Afterwards(ctx)
			defer cancel()
			err = errors.Join(err, undoCreate(after, c, o.ID))
		}
	}()
	labels := maps.Clone(o.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	if signal := config.Config.StopSignal; signal != "" {
		labels[containerd.StopSignalLabel] = signal
	}
	extensions := func(_ context.Context, _ *containerd.Client, record *containers.Container) error {
		record.Extensions = recordExtension(o.Record)
		return nil
	}
	// containerd may carry out a cancelled call nevertheless, and later than any undoing: so these are not cancelled.
	_, err = c.Containerd.NewContainer(client.Detached(ctx), o.ID,
		containerd.WithImage(image),
		containerd.WithContainerLabels(labels),
		extensions,
		containerd.WithSnapshotter(snapshot.Snapshotter),
		containerd.WithNewSnapshot(o.ID, image),
		snapshot.WithMountpoints(c, o.Mounts),
		containerd.WithRuntime(runtimeName, nil),
		containerd.WithNewSpec(opts...),
	)
	return errors.Join(err, ctx.Err())
}

// undoCreate removes a container and its snapshot, as far as they were made.
func undoCreate(ctx context.Context, c *client.Client, id string) error {
	err := c.Containerd.ContainerService().Delete(ctx, id)
	if errdefs.IsNotFound(err) {
		err = nil
	}
	return errors.Join(err, snapshot.Remove(ctx, c, id))
}
