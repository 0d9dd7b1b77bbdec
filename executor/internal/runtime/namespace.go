package runtime

import (
	"context"
	"fmt"
	"maps"
	"time"

	namespacesapi "github.com/containerd/containerd/api/services/namespaces/v1"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
)

// Namespaces returns the labels of every containerd namespace, by its name.
func (c *Client) Namespaces(ctx context.Context) (map[string]map[string]string, error) {
	// The client library would take one more call for each namespace.
	resp, err := namespacesapi.NewNamespacesClient(c.conn).List(ctx, &namespacesapi.ListNamespacesRequest{})
	if err != nil {
		return nil, fmt.Errorf("list containerd namespaces: %w", errgrpc.ToNative(err))
	}
	all := make(map[string]map[string]string, len(resp.Namespaces))
	for _, n := range resp.Namespaces {
		all[n.Name] = n.Labels
	}
	return all, nil
}

// EnsureNamespace makes the namespace, or sets the given labels on it and leaves its others alone.
// An empty value takes a label away.
func (c *Client) EnsureNamespace(ctx context.Context, ns string, labels map[string]string) error {
	// containerd 1.6 publishes the event in the namespace of the call, and fails without one.
	ctx = in(ctx, ns)
	store := c.c.NamespaceService()
	created := maps.Clone(labels)
	maps.DeleteFunc(created, func(_, value string) bool { return value == "" })
	err := store.Create(ctx, ns, created)
	if !errdefs.IsAlreadyExists(err) {
		return wrap(err, "create containerd namespace %s", ns)
	}
	for key, value := range labels {
		if err := store.SetLabel(ctx, ns, key, value); err != nil {
			return fmt.Errorf("set label %s of containerd namespace %s: %w", key, ns, err)
		}
	}
	return nil
}

// abortsAgain is how often an abort that failed is tried again.
const abortsAgain = 10

// emptyRounds bounds how often a namespace is emptied until containerd's garbage collector has taken all. Rounds, not
// seconds: on a slow host each takes longer.
const emptyRounds = 200

// RemoveNamespace removes the namespace with the images, leases, snapshots and blobs in it; one that is gone already
// is no error. While containers are left it does nothing, and the error is errdefs.ErrFailedPrecondition.
func (c *Client) RemoveNamespace(ctx context.Context, ns string) error {
	ctx = in(ctx, ns)
	if exists, err := c.withoutContainers(ctx, ns); !exists || err != nil {
		return wrap(err, "remove containerd namespace %s", ns)
	}
	if err := c.removeOrphanedTasks(ctx, ns); err != nil {
		return fmt.Errorf("remove containerd namespace %s: %w", ns, err)
	}
	for round := 1; ; round++ {
		if err := c.emptyNamespace(ctx); err != nil {
			return fmt.Errorf("remove containerd namespace %s: empty it: %w", ns, err)
		}
		err := c.c.NamespaceService().Delete(ctx, ns)
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

// ReleaseNamespace is RemoveNamespace for a namespace without images. One that holds images stays with them, and the labels
// are set on it as EnsureNamespace sets them.
func (c *Client) ReleaseNamespace(ctx context.Context, ns string, labels map[string]string) error {
	if exists, err := c.withoutContainers(in(ctx, ns), ns); !exists || err != nil {
		return wrap(err, "release containerd namespace %s", ns)
	}
	images, err := c.c.ImageService().List(in(ctx, ns))
	if err != nil {
		return fmt.Errorf("release containerd namespace %s: %w", ns, err)
	}
	if len(images) == 0 {
		return c.RemoveNamespace(ctx, ns)
	}
	return c.EnsureNamespace(ctx, ns, labels)
}

// withoutContainers reports whether the namespace exists, and returns an error that is errdefs.ErrFailedPrecondition while
// containers are left in it.
func (c *Client) withoutContainers(ctx context.Context, ns string) (exists bool, err error) {
	_, err = c.c.NamespaceService().Labels(ctx, ns)
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	left, err := c.c.ContainerService().List(ctx)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%d containers are left in it, the first is %s: %w", len(left), left[0].ID, errdefs.ErrFailedPrecondition)
	}
	return true, err
}

// removeOrphanedTasks ends what is left of tasks in a namespace without containers.
func (c *Client) removeOrphanedTasks(ctx context.Context, ns string) error {
	for of, processes := range c.left.now().tasks {
		if of.ns != ns {
			continue
		}
		if err := c.removeOrphaned(ctx, ns, of.id, processes); err != nil {
			return err
		}
	}
	return nil
}

// emptyNamespace takes away everything that holds content and lets the garbage collector take the content.
func (c *Client) emptyNamespace(ctx context.Context) error {
	all, err := c.c.ImageService().List(ctx)
	if err != nil {
		return err
	}
	for _, image := range all {
		if err := c.c.ImageService().Delete(ctx, image.Name); err != nil && !errdefs.IsNotFound(err) {
			return err
		}
	}
	held, err := c.c.LeasesService().List(ctx)
	if err != nil {
		return err
	}
	for _, lease := range held {
		if err := c.c.LeasesService().Delete(ctx, lease); err != nil && !errdefs.IsNotFound(err) {
			return err
		}
	}
	if err := c.abortIngests(ctx); err != nil {
		return err
	}
	if err := c.collectGarbage(ctx); err != nil {
		return err
	}
	return c.removeRest(ctx)
}

func (c *Client) abortIngests(ctx context.Context) error {
	store := c.c.ContentStore()
	ingests, err := store.ListStatuses(ctx)
	if err != nil {
		return err
	}
	for _, ingest := range ingests {
		if err := abort(ctx, store, ingest.Ref); err != nil {
			return err
		}
	}
	return nil
}

// abort takes away what was written under ref so far. containerd only learns by and by that a writer was closed, and
// then still notes down when: if that falls into the removal of the same directory, the removal fails, and a second
// one doesn't.
func abort(ctx context.Context, store content.IngestManager, ref string) error {
	for again := 0; ; again++ {
		err := store.Abort(ctx, ref)
		if err == nil || errdefs.IsNotFound(err) {
			return nil
		}
		if again == abortsAgain || pause(ctx) != nil {
			return fmt.Errorf("abort the writing of %s: %w", ref, err)
		}
	}
}

// collectGarbage makes the collector run now: only the end of a lease or an image can ask for that.
func (c *Client) collectGarbage(ctx context.Context) error {
	_, release, err := c.lease(ctx)
	if err != nil {
		return err
	}
	return release(true)
}

// removeRest takes what the collector keeps because of labels that make it a root of its own.
func (c *Client) removeRest(ctx context.Context) error {
	snapshotter := c.c.SnapshotService(snapshotterName)
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
		// The children go first; the parents have their turn in the next round.
		if parents[name] {
			continue
		}
		if err := snapshotter.Remove(ctx, name); err != nil && !errdefs.IsNotFound(err) {
			return err
		}
	}
	store := c.c.ContentStore()
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

// deleteImage removes the name and waits until the collector has taken what only it held.
func (c *Client) deleteImage(ctx context.Context, ref string) error {
	err := c.c.ImageService().Delete(ctx, ref, images.SynchronousDelete())
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// wrap returns err with a description of what was being done, or nil for nil.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}
