package image

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/snapshot"
)

func readJSON(ctx context.Context, store content.Provider, desc ocispec.Descriptor, to any, raw *[]byte) error {
	data, err := readBlob(ctx, store, desc)
	if err != nil {
		return err
	}
	if raw != nil {
		*raw = data
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("blob %s: %w", desc.Digest, err)
	}
	return nil
}

// RemoveAll removes the names, the parts of images whose pulls were given up, and the content and snapshots that only these held.
// It returns the number of bytes that the host has gained.
func RemoveAll(ctx context.Context, c *client.Client, ns string, names []string) (reclaimed int64, err error) {
	ctx = client.In(ctx, ns)
	before, err := usage(ctx, c)
	if err != nil {
		return 0, fmt.Errorf("measure namespace %s: %w", ns, err)
	}
	if err := dropLeases(ctx, c, fmt.Sprintf("labels.%q", partialLabel)); err != nil {
		return 0, err
	}
	for i, name := range names {
		var opts []images.DeleteOpt
		if i == len(names)-1 { // the garbage collector runs once
			opts = append(opts, images.SynchronousDelete())
		}
		if err := client.Gone(c.Containerd.ImageService().Delete(ctx, name, opts...)); err != nil {
			return 0, fmt.Errorf("remove image %s: %w", name, err)
		}
	}
	if len(names) == 0 {
		_, collect, err := c.Lease(ctx)
		if err == nil {
			err = collect(true)
		}
		if err != nil {
			return 0, fmt.Errorf("remove parts of images: %w", err)
		}
	}
	after, err := usage(ctx, c)
	if err != nil {
		return 0, fmt.Errorf("measure namespace %s: %w", ns, err)
	}
	elsewhere, err := contentElsewhere(ctx, c, ns)
	if err != nil {
		return 0, err
	}
	for key, size := range before {
		if _, stays := after[key]; !stays && !elsewhere[key.blob] {
			reclaimed += size
		}
	}
	return reclaimed, nil
}

// held is something in a namespace that takes room: a blob, the beginning of one, or a snapshot.
type held struct {
	blob          digest.Digest
	ref, snapshot string
}

// usage returns the sizes of everything in the namespace, in bytes.
func usage(ctx context.Context, c *client.Client) (map[held]int64, error) {
	sizes := map[held]int64{}
	store := c.Containerd.ContentStore()
	err := store.Walk(ctx, func(info content.Info) error {
		sizes[held{blob: info.Digest}] = info.Size
		return nil
	})
	if err != nil {
		return nil, err
	}
	begun, err := store.ListStatuses(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range begun {
		sizes[held{ref: s.Ref}] = s.Offset
	}
	snapshotter := c.Containerd.SnapshotService(snapshot.Snapshotter)
	err = snapshotter.Walk(ctx, func(ctx context.Context, info snapshots.Info) error {
		used, err := snapshotter.Usage(ctx, info.Name)
		sizes[held{snapshot: info.Name}] = used.Size
		if errdefs.IsNotFound(err) {
			return nil
		}
		return err
	})
	return sizes, err
}

// contentElsewhere returns the blobs of the other namespaces, which share files with this one.
func contentElsewhere(ctx context.Context, c *client.Client, ns string) (map[digest.Digest]bool, error) {
	all, err := c.Namespaces(ctx)
	if err != nil {
		return nil, err
	}
	blobs := map[digest.Digest]bool{}
	for other := range all {
		if other == ns {
			continue
		}
		err := c.Containerd.ContentStore().Walk(client.In(ctx, other), func(info content.Info) error {
			blobs[info.Digest] = true
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list the content of namespace %s: %w", other, err)
		}
	}
	return blobs, nil
}
