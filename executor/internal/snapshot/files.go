package snapshot

import (
	"context"
	"fmt"
	"os"

	"github.com/containerd/containerd/v2/core/mount"

	"github.com/kukeon/kuke/executor/internal/client"
)

// Files calls f with the root of the file system of the container with the id, in the namespace ns, mounted read-only as [Visit] does. No
// process of the container may run.
func Files(ctx context.Context, c *client.Client, ns, id string, f func(root string) error) error {
	ctx = client.In(ctx, ns)
	return client.Wrap(files(ctx, c, id, f), "look at the files of container %s", id)
}

func files(ctx context.Context, c *client.Client, id string, f func(root string) error) error {
	record, err := c.Containerd.ContainerService().Get(ctx, id)
	if err != nil {
		return err
	}
	mounts, err := c.Containerd.SnapshotService(record.Snapshotter).Mounts(ctx, record.SnapshotKey)
	if err != nil {
		return err
	}
	const one = 1
	if len(mounts) != one {
		return fmt.Errorf("it has %d mounts, not one", len(mounts))
	}
	m := mounts[0]
	// The task of the container may still have its files mounted, and the kernel lets only one mount write to them.
	m.Options = readOnly(m)
	return Visit(m, func(root *os.Root) error { return f(root.Name()) })
}

// readOnly returns the options of an overlay with the same files that can't be written to. Those of other mounts stay.
func readOnly(m mount.Mount) []string {
	if m.Type != "overlay" {
		return m.Options
	}
	lower := "lowerdir="
	for i, layer := range layersOf(m) {
		if i > 0 {
			lower += ":"
		}
		lower += layer
	}
	return []string{lower}
}
