package image

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/snapshot"
)

// View calls f with the root file system of an image, mounted read-only at root, and the image's config, if the namespace
// has the image unpacked. f runs in a mount namespace of its own, in which root covers /proc of the host. The mount ends
// with it.
func View(ctx context.Context, c *client.Client, ns, ref string, f func(root string, config ocispec.ImageConfig) error) (unpacked bool, err error) {
	unpacked, err = view(client.In(ctx, ns), c, ref, f)
	return unpacked, client.Wrap(err, "look into image %s of namespace %s", ref, ns)
}

func view(ctx context.Context, c *client.Client, ref string, f func(root string, config ocispec.ImageConfig) error) (unpacked bool, err error) {
	image, err := c.Containerd.GetImage(ctx, ref)
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	unpacked, err = image.IsUnpacked(ctx, snapshot.Snapshotter)
	if errdefs.IsNotFound(err) { // content of the image is missing until a pull or an import
		return false, nil
	}
	if err != nil || !unpacked {
		return false, err
	}
	config, err := image.Spec(ctx)
	if err != nil {
		return false, fmt.Errorf("read its config: %w", err)
	}
	layers, err := image.RootFS(ctx)
	if err != nil {
		return false, err
	}
	// The layers are those of the image. The view adds none, and should kuke be killed, the garbage collector removes it.
	snapshotter, key := c.Containerd.SnapshotService(snapshot.Snapshotter), "kuke-view-"+rand.Text()
	mounts, err := snapshotter.View(ctx, key, identity.ChainID(layers).String())
	if err != nil {
		return false, err
	}
	defer func() {
		after, cancel := client.Afterwards(ctx)
		defer cancel()
		err = errors.Join(err, snapshot.Remove(after, c, key))
	}()
	const one = 1
	if len(mounts) != one {
		return false, fmt.Errorf("it has %d mounts, not one", len(mounts))
	}
	return true, snapshot.Visit(mounts[0], func(root *os.Root) error { return f(root.Name(), config.Config) })
}
