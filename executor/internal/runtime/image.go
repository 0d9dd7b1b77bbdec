package runtime

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/remotes/docker/config"
	"github.com/containerd/containerd/v2/defaults"
	"github.com/containerd/errdefs"
)

// snapshotterName is that of the snapshotter that all images are unpacked with.
const snapshotterName = defaults.DefaultSnapshotter

const (
	// hostsDir is where containerd's own tools look for mirrors and certificates of registries.
	hostsDir = "/etc/containerd/certs.d"
	// resolveTimeout bounds the question for a digest; a pull takes as long as its context allows.
	resolveTimeout = 15 * time.Second
)

// Image is one name in the image store of a namespace.
type Image struct {
	Name   string
	Digest string
	// Size is that of the content kept for it, in bytes, as far as it is there.
	Size    int64
	Created time.Time
}

// Image returns the digest that the reference stands for in the namespace, and whether it is there at all.
func (c *Client) Image(ctx context.Context, ns, ref string) (digest string, ok bool, err error) {
	image, err := c.c.ImageService().Get(in(ctx, ns), ref)
	if errdefs.IsNotFound(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("look for image %s in namespace %s: %w", ref, ns, err)
	}
	return image.Target.Digest.String(), true, nil
}

// Digests returns the digests of all images of the namespace by name, in one call.
func (c *Client) Digests(ctx context.Context, ns string) (map[string]string, error) {
	all, err := c.c.ImageService().List(in(ctx, ns))
	if err != nil {
		return nil, fmt.Errorf("list images of namespace %s: %w", ns, err)
	}
	digests := make(map[string]string, len(all))
	for _, image := range all {
		digests[image.Name] = image.Target.Digest.String()
	}
	return digests, nil
}

// Images lists the images of the namespace by name, with the size of each, which takes some calls for each.
func (c *Client) Images(ctx context.Context, ns string) ([]Image, error) {
	ctx = in(ctx, ns)
	all, err := c.c.ListImages(ctx)
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

// Resolve asks the registry which digest the reference stands for. It changes nothing.
func (c *Client) Resolve(ctx context.Context, ref string) (digest string, err error) {
	ctx, cancel := context.WithTimeout(quiet(ctx), resolveTimeout)
	defer cancel()
	_, desc, err := resolver(ctx).Resolve(ctx, ref)
	if err != nil {
		return "", fmt.Errorf("resolve image %s: %w", ref, err)
	}
	return desc.Digest.String(), nil
}

// Pull fetches the image for the host's platform and unpacks it, and returns its digest.
func (c *Client) Pull(ctx context.Context, ns, ref string) (digest string, err error) {
	ctx, release, err := c.lease(in(ctx, ns))
	if err != nil {
		return "", fmt.Errorf("pull image %s: %w", ref, err)
	}
	defer func() { err = errors.Join(err, release(err != nil)) }()
	image, err := c.c.Pull(ctx, ref, containerd.WithResolver(resolver(ctx)), containerd.WithPullUnpack, containerd.WithPullSnapshotter(snapshotterName))
	if err != nil {
		return "", fmt.Errorf("pull image %s: %w", ref, err)
	}
	return image.Target().Digest.String(), nil
}

func resolver(ctx context.Context) remotes.Resolver {
	return docker.NewResolver(docker.ResolverOptions{
		Hosts: config.ConfigureHosts(ctx, config.HostOptions{HostDir: config.HostDirFromRoot(hostsDir)}),
	})
}

// EnsureUnpacked makes the layers of an image that is there into snapshots, unless they are already.
func (c *Client) EnsureUnpacked(ctx context.Context, ns, ref string) error {
	ctx = in(ctx, ns)
	image, err := c.c.GetImage(ctx, ref)
	if err != nil {
		return fmt.Errorf("unpack image %s: %w", ref, err)
	}
	return c.unpack(ctx, image)
}

func (c *Client) unpack(ctx context.Context, image containerd.Image) (err error) {
	done, err := image.IsUnpacked(ctx, snapshotterName)
	if err != nil {
		return fmt.Errorf("unpack image %s: %w", image.Name(), err)
	}
	if done {
		return nil
	}
	ctx, release, err := c.lease(ctx)
	if err != nil {
		return fmt.Errorf("unpack image %s: %w", image.Name(), err)
	}
	defer func() { err = errors.Join(err, release(err != nil)) }()
	return wrap(image.Unpack(ctx, snapshotterName), "unpack image %s", image.Name())
}

// RemoveImage removes the name, and the content and snapshots that nothing else holds. A missing one is no error.
// Containers keep the snapshots they were made from.
func (c *Client) RemoveImage(ctx context.Context, ns, ref string) error {
	return wrap(c.deleteImage(in(ctx, ns), ref), "remove image %s", ref)
}
