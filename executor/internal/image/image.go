// Package image pulls, imports, names, lists, reads and removes the images of a containerd namespace.
package image

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/registry"
	"github.com/kukeon/kuke/executor/internal/snapshot"
)

// resolveTimeout limits the question for a digest; a pull is limited only by its context.
const resolveTimeout = 15 * time.Second

// Image is one name in the image store of a namespace.
type Image struct {
	Name   string
	Digest string
	// Size is the size of its content in the namespace, in bytes.
	Size    int64
	Created time.Time
}

// Digest returns the digest that the reference resolves to in the namespace, and whether the namespace has it.
func Digest(ctx context.Context, c *client.Client, ns, ref string) (digest string, ok bool, err error) {
	image, err := c.Containerd.ImageService().Get(client.In(ctx, ns), ref)
	if errdefs.IsNotFound(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("look for image %s in namespace %s: %w", ref, ns, err)
	}
	return image.Target.Digest.String(), true, nil
}

// Digests returns the digests of all images of the namespace by name, in one call.
func Digests(ctx context.Context, c *client.Client, ns string) (map[string]string, error) {
	all, err := c.Containerd.ImageService().List(client.In(ctx, ns))
	if err != nil {
		return nil, fmt.Errorf("list images of namespace %s: %w", ns, err)
	}
	digests := make(map[string]string, len(all))
	for _, image := range all {
		digests[image.Name] = image.Target.Digest.String()
	}
	return digests, nil
}

// List lists the images of the namespace by name, with their sizes, for which it makes several calls per image.
func List(ctx context.Context, c *client.Client, ns string) ([]Image, error) {
	ctx = client.In(ctx, ns)
	all, err := c.Containerd.ListImages(ctx)
	if err != nil {
		return nil, fmt.Errorf("list images of namespace %s: %w", ns, err)
	}
	list := make([]Image, 0, len(all))
	for _, image := range all {
		size, err := image.Size(ctx)
		if err != nil && !errdefs.IsNotFound(err) {
			return nil, fmt.Errorf("size of image %s: %w", image.Name(), err)
		}
		list = append(list, Image{image.Name(), image.Target().Digest.String(), size, image.Metadata().CreatedAt})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list, nil
}

// Resolve asks the registry for the digest that the reference resolves to. It changes nothing. An error of the registry is a
// [*registry.Error].
func Resolve(ctx context.Context, keys *registry.Keyring, ref string) (digest string, err error) {
	asking, cancel := context.WithTimeout(client.Quiet(ctx), resolveTimeout)
	defer cancel()
	from, err := registry.New(asking, keys, ref)
	if err != nil {
		return "", err
	}
	_, desc, err := from.Resolve(asking, ref)
	if err != nil {
		return "", fmt.Errorf("resolve image %s: %w", ref, from.Explain(client.Quiet(ctx), err))
	}
	return desc.Digest.String(), nil
}

// EnsureUnpacked unpacks the layers of an image of the namespace into snapshots, unless they are unpacked.
func EnsureUnpacked(ctx context.Context, c *client.Client, ns, ref string) error {
	ctx = client.In(ctx, ns)
	image, err := c.Containerd.GetImage(ctx, ref)
	if err != nil {
		return fmt.Errorf("unpack image %s: %w", ref, err)
	}
	return unpack(ctx, c, image)
}

func unpack(ctx context.Context, c *client.Client, image containerd.Image) (err error) {
	done, err := image.IsUnpacked(ctx, snapshot.Snapshotter)
	if err != nil {
		return fmt.Errorf("unpack image %s: %w", image.Name(), err)
	}
	if done {
		return nil
	}
	ctx, release, err := c.Lease(ctx)
	if err != nil {
		return fmt.Errorf("unpack image %s: %w", image.Name(), err)
	}
	defer func() { err = errors.Join(err, release(err != nil)) }()
	return client.Wrap(image.Unpack(ctx, snapshot.Snapshotter), "unpack image %s", image.Name())
}

// Remove removes the name, and the content and snapshots that only it held. A missing name is no error. Containers keep the
// snapshots they were made from.
func Remove(ctx context.Context, c *client.Client, ns, ref string) error {
	return client.Wrap(remove(client.In(ctx, ns), c, ref), "remove image %s", ref)
}

// remove removes the name and waits until the garbage collector has removed the content that only it held.
func remove(ctx context.Context, c *client.Client, ref string) error {
	err := c.Containerd.ImageService().Delete(ctx, ref, images.SynchronousDelete())
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}
