// Package namespace creates, empties and removes the namespaces of containerd.
package namespace

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/errdefs"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/snapshot"
	"github.com/kukeon/kuke/executor/internal/task"
)

// Ensure creates the namespace, or sets the given labels on it and keeps its others. An empty value removes a label.
func Ensure(ctx context.Context, c *client.Client, ns string, labels map[string]string) error {
	// containerd 1.6 publishes the event in the namespace of the call, and fails without one.
	ctx = client.In(ctx, ns)
	store := c.Containerd.NamespaceService()
	created := maps.Clone(labels)
	maps.DeleteFunc(created, func(_, value string) bool { return value == "" })
	err := store.Create(ctx, ns, created)
	if !errdefs.IsAlreadyExists(err) {
		return client.Wrap(err, "create containerd namespace %s", ns)
	}
	for key, value := range labels {
		if err := store.SetLabel(ctx, ns, key, value); err != nil {
			return fmt.Errorf("set label %s of containerd namespace %s: %w", key, ns, err)
		}
	}
	return nil
}

// emptyRounds limits the rounds in which a namespace is emptied until containerd's garbage collector has removed
// everything. It counts rounds and not seconds: on a slow host each takes longer.
const emptyRounds = 200

// Remove removes the namespace with the images, leases, snapshots and blobs in it; a missing one is no error. While it
// holds containers, Remove does nothing, and the error is errdefs.ErrFailedPrecondition.
func Remove(ctx context.Context, c *client.Client, ns string) error {
	ctx = client.In(ctx, ns)
	if exists, err := withoutContainers(ctx, c, ns); !exists || err != nil {
		return client.Wrap(err, "remove containerd namespace %s", ns)
	}
	if err := removeOrphanedTasks(ctx, c, ns); err != nil {
		return fmt.Errorf("remove containerd namespace %s: %w", ns, err)
	}
	for round := 1; ; round++ {
		if err := empty(ctx, c); err != nil {
			return fmt.Errorf("remove containerd namespace %s: empty it: %w", ns, err)
		}
		err := c.Containerd.NamespaceService().Delete(ctx, ns)
		if err == nil || errdefs.IsNotFound(err) {
			return nil
		}
		if !errdefs.IsFailedPrecondition(err) || round == emptyRounds {
			return fmt.Errorf("remove containerd namespace %s: %w", ns, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("remove containerd namespace %s: %w", ns, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Release is [Remove] for a namespace without images. It keeps a namespace with images, and sets the labels on it as
// [Ensure] does.
func Release(ctx context.Context, c *client.Client, ns string, labels map[string]string) error {
	if exists, err := withoutContainers(client.In(ctx, ns), c, ns); !exists || err != nil {
		return client.Wrap(err, "release containerd namespace %s", ns)
	}
	images, err := c.Containerd.ImageService().List(client.In(ctx, ns))
	if err != nil {
		return fmt.Errorf("release containerd namespace %s: %w", ns, err)
	}
	if len(images) == 0 {
		return Remove(ctx, c, ns)
	}
	return Ensure(ctx, c, ns, labels)
}

// withoutContainers reports whether the namespace exists. While it holds containers, the error is
// errdefs.ErrFailedPrecondition.
func withoutContainers(ctx context.Context, c *client.Client, ns string) (exists bool, err error) {
	_, err = c.Containerd.NamespaceService().Labels(ctx, ns)
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	left, err := c.Containerd.ContainerService().List(ctx)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%d containers are left in it, the first is %s: %w", len(left), left[0].ID, errdefs.ErrFailedPrecondition)
	}
	return true, err
}

// removeOrphanedTasks removes orphaned tasks from a namespace without containers.
func removeOrphanedTasks(ctx context.Context, c *client.Client, ns string) error {
	for of, processes := range c.Left.Scan().Tasks {
		if of.NS != ns {
			continue
		}
		if err := task.RemoveOrphaned(ctx, c, ns, of.ID, processes); err != nil {
			return err
		}
	}
	return nil
}

// empty removes everything that holds content, and has the garbage collector remove the content.
func empty(ctx context.Context, c *client.Client) error {
	all, err := c.Containerd.ImageService().List(ctx)
	if err != nil {
		return err
	}
	for _, image := range all {
		if err := c.Containerd.ImageService().Delete(ctx, image.Name); err != nil && !errdefs.IsNotFound(err) {
			return err
		}
	}
	held, err := c.Containerd.LeasesService().List(ctx)
	if err != nil {
		return err
	}
	for _, lease := range held {
		if err := c.Containerd.LeasesService().Delete(ctx, lease); err != nil && !errdefs.IsNotFound(err) {
			return err
		}
	}
	if err := abortIngests(ctx, c); err != nil {
		return err
	}
	if err := collectGarbage(ctx, c); err != nil {
		return err
	}
	return removeRest(ctx, c)
}

func abortIngests(ctx context.Context, c *client.Client) error {
	store := c.Containerd.ContentStore()
	ingests, err := store.ListStatuses(ctx)
	if err != nil {
		return err
	}
	for _, ingest := range ingests {
		if err := image.Abort(ctx, store, ingest.Ref); err != nil {
			return err
		}
	}
	return nil
}

// collectGarbage runs the garbage collector now: only the end of a lease or an image can request that.
func collectGarbage(ctx context.Context, c *client.Client) error {
	_, release, err := c.Lease(ctx)
	if err != nil {
		return err
	}
	return release(true)
}

// removeRest removes the content that the garbage collector keeps because labels make it a root.
func removeRest(ctx context.Context, c *client.Client) error {
	snapshotter := c.Containerd.SnapshotService(snapshot.Snapshotter)
	parents := map[string]bool{}
	var names []string
	err := snapshotter.Walk(ctx, func(_ context.Context, info snapshots.Info) error {
		names = append(names, info.Name)
		parents[info.Parent] = true
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		// Children are removed first, their parents in the next round.
		if parents[name] {
			continue
		}
		if err := snapshotter.Remove(ctx, name); err != nil && !errdefs.IsNotFound(err) {
			return err
		}
	}
	store := c.Containerd.ContentStore()
	var blobs []content.Info
	err = store.Walk(ctx, func(info content.Info) error {
		blobs = append(blobs, info)
		return nil
	})
	if err != nil {
		return err
	}
	for _, blob := range blobs {
		if err := store.Delete(ctx, blob.Digest); err != nil && !errdefs.IsNotFound(err) {
			return err
		}
	}
	return nil
}
