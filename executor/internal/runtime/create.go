package runtime

import (
	"context"
	"errors"
	"fmt"
	"maps"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/runtime/restart"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
)

// CreateOptions says what a container is made from.
type CreateOptions struct {
	// ID is the container's in containerd, and the key of its snapshot.
	ID string
	// Image is a reference that the namespace has, as given to [Client.Pull] or returned by [Client.Import].
	Image  string
	Labels map[string]string
	// Annotations go into the OCI spec.
	Annotations map[string]string
	// Record is kept with the container, for [Inspection] and [Client.SetRecord]; empty for none.
	Record   []byte
	Spec     *resource.Container
	Hostname string
	// CgroupPath is below the root of the cgroup file system, with a leading "/".
	CgroupPath string
	// UnifiedCgroup says that the host has cgroup v2: the container then gets a cgroup namespace of its own.
	UnifiedCgroup bool
	// NetNSPath is the pin of the network namespace to join; empty makes one with nothing but a loopback that is down.
	NetNSPath string
	// Resources are the limits of the container's cgroup, nil for none.
	Resources *specs.LinuxResources
	// Mounts come on top of those in Spec: an /etc/hosts, for instance.
	Mounts []specs.Mount
}

// runtimeName is that of containerd's shim for runc, [shimProgram].
const runtimeName = "io.containerd.runc.v2"

// Create makes the snapshot and the container, without a task. What a Create of the same id left behind when it was
// killed is cleared first; a container that is there already is errdefs.ErrAlreadyExists. When it fails, or ctx ends,
// it takes away again what it made.
func (c *Client) Create(ctx context.Context, ns string, o CreateOptions) error {
	return wrap(c.create(in(ctx, ns), o), "create container %s", o.ID)
}

func (c *Client) create(ctx context.Context, o CreateOptions) (err error) {
	if _, err := c.c.ContainerService().Get(ctx, o.ID); err == nil {
		return errdefs.ErrAlreadyExists
	} else if !errdefs.IsNotFound(err) {
		return err
	}
	image, err := c.c.GetImage(ctx, o.Image)
	if err != nil {
		return err
	}
	config, err := image.Spec(ctx)
	if err != nil {
		return fmt.Errorf("read the config of image %s: %w", o.Image, err)
	}
	opts, err := specOpts(o, image, config.Config)
	if err != nil {
		return err
	}
	if err := loadProfile(profileOf(o.Spec)); err != nil {
		return err
	}
	if err := c.removeSnapshot(ctx, o.ID); err != nil {
		return err
	}
	ctx, release, err := c.lease(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release(false)) }()
	defer func() {
		if err != nil {
			after, cancel := afterwards(ctx)
			defer cancel()
			err = errors.Join(err, c.undoCreate(after, o.ID))
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
	// A call that is cancelled may be carried out nevertheless, and later than any undoing: these are not.
	_, err = c.c.NewContainer(Detached(ctx), o.ID,
		containerd.WithImage(image),
		containerd.WithContainerLabels(labels),
		extensions,
		containerd.WithSnapshotter(snapshotterName),
		containerd.WithNewSnapshot(o.ID, image),
		c.withMountpoints(o.Mounts),
		containerd.WithRuntime(runtimeName, nil),
		containerd.WithNewSpec(opts...),
	)
	return errors.Join(err, ctx.Err())
}

// undoCreate removes a container and its snapshot, as far as they were made.
func (c *Client) undoCreate(ctx context.Context, id string) error {
	err := c.c.ContainerService().Delete(ctx, id)
	if errdefs.IsNotFound(err) {
		err = nil
	}
	return errors.Join(err, c.removeSnapshot(ctx, id))
}

func (c *Client) removeSnapshot(ctx context.Context, key string) error {
	err := c.c.SnapshotService(snapshotterName).Remove(ctx, key)
	if err == nil || errdefs.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("remove snapshot %s: %w", key, err)
}

// Remove kills the task, if there is one, and removes the container with its snapshot. One that is gone already is no
// error, and then a snapshot left of it goes too.
func (c *Client) Remove(ctx context.Context, ns, id string) error {
	ctx = in(ctx, ns)
	if err := c.removeContainer(ctx, id); err != nil {
		return fmt.Errorf("remove container %s: %w", id, err)
	}
	// The snapshot goes after it: killed between the two, a container without one could never be started again.
	return wrap(c.removeSnapshot(ctx, id), "remove container %s", id)
}

func (c *Client) removeContainer(ctx context.Context, id string) error {
	ns, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return err
	}
	for range monitorRetries {
		container, err := c.c.LoadContainer(ctx, id)
		if errdefs.IsNotFound(err) {
			return c.removeOrphaned(ctx, ns, id, c.left.processes(taskID{ns, id}))
		}
		if err != nil {
			return err
		}
		// What the monitor starts after this, it starts before the container goes or not at all: no need to watch.
		monitored, _, err := c.retire(ctx, container, nil, 0, false)
		if err != nil {
			return gone(err)
		}
		err = container.Delete(ctx)
		if !monitored || err != nil && !errdefs.IsFailedPrecondition(err) {
			return gone(err)
		}
		if err == nil {
			if err := c.reviveOrphaned(ctx, container); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("containerd's restart monitor starts it again and again: %w", errdefs.ErrAborted)
}

// reviveOrphaned makes the container again when the monitor was making a task while it went: containerd ends no task of
// a container that it doesn't have.
func (c *Client) reviveOrphaned(ctx context.Context, container containerd.Container) error {
	whole := Detached(ctx)
	if err := pause(whole); err != nil {
		return err
	}
	orphaned, err := c.hasTraces(ctx, container.ID())
	if err != nil || !orphaned {
		return err
	}
	record, err := container.Info(ctx, containerd.WithoutRefreshedMetadata)
	if err != nil {
		return err
	}
	delete(record.Labels, restart.StatusLabel)
	_, err = c.c.ContainerService().Create(whole, record)
	return err
}
