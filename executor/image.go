package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"golang.org/x/sync/errgroup"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Image is an image of a containerd namespace.
type Image struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
	// Size is the size of its content in bytes: the compressed layers and the configuration.
	Size    int64     `json:"size"`
	Created time.Time `json:"created"`
}

// Images lists the images of the namespace by name.
func (e *Executor) Images(ctx context.Context, namespace string) ([]Image, error) {
	found, err := image.List(ctx, e.containerd, namespace)
	if err != nil {
		return nil, err
	}
	images := make([]Image, len(found))
	for i, image := range found {
		images[i] = Image(image)
	}
	return images, nil
}

// ImportImage imports an OCI archive, a docker archive or the tar of a root file system and returns the names of the
// images. name is required for a root file system; otherwise it replaces the name in the archive if not empty.
func (e *Executor) ImportImage(ctx context.Context, namespace string, r io.Reader, name string) ([]string, error) {
	return image.Import(ctx, e.containerd, namespace, r, name)
}

// RemoveImage removes an image by its name, which may be short, and returns its full name. It refuses an image that a
// container uses.
func (e *Executor) RemoveImage(ctx context.Context, namespace, name string) (string, error) {
	name, err := fullReference(name)
	if err != nil {
		return "", err
	}
	list, err := containers.List(ctx, e.containerd, namespace)
	if err != nil {
		return "", err
	}
	for _, c := range list {
		if c.Image == name {
			return "", fmt.Errorf("image %s is in use by container %s: delete that first", name, c.ID)
		}
	}
	if _, ok, err := image.Digest(ctx, e.containerd, namespace, name); err != nil || !ok {
		return "", errors.Join(err, fmt.Errorf("there is no image %s in containerd namespace %s", name, namespace))
	}
	return name, image.Remove(ctx, e.containerd, namespace, name)
}

// fullReference completes a short name as configurations do: busybox is docker.io/library/busybox:latest.
func fullReference(name string) (string, error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", fmt.Errorf("image name %q: %w", name, err)
	}
	return reference.TagNameOnly(named).String(), nil
}

// image ensures that the planned image is in the namespace and unpacked. It gives the name of the reference to an image
// that is there by its digest: a restart or ctr looks for it by that name, and the image stays when its former name is
// removed or goes to another image.
func (e *Executor) image(ctx context.Context, wanted *plan.Image) error {
	if wanted.Pull {
		if _, err := image.Pull(ctx, e.containerd, wanted.Namespace, wanted.Reference); err != nil {
			return err
		}
	}
	digest, ok, err := image.Digest(ctx, e.containerd, wanted.Namespace, wanted.Reference)
	if err != nil {
		return err
	}
	if digest != wanted.Digest && resource.PinnedDigest(wanted.Reference) == wanted.Digest {
		if err := image.Tag(ctx, e.containerd, wanted.Namespace, wanted.Reference, wanted.Digest); err != nil && !errdefs.IsNotFound(err) {
			return err
		} else if err == nil {
			digest, ok = wanted.Digest, true
		}
	}
	if !ok || digest != wanted.Digest {
		return fmt.Errorf("image %s is %q in containerd namespace %s, the plan was made for %s: plan again", wanted.Reference, digest, wanted.Namespace, wanted.Digest)
	}
	return image.EnsureUnpacked(ctx, e.containerd, wanted.Namespace, wanted.Reference)
}

// contentKey is the key of content in a containerd namespace.
type contentKey struct{ namespace, digest string }

// localImages looks up the images of desired containers in their namespaces.
func (r *refresh) localImages(ctx context.Context, desired *resource.Tree, prior *state.State) error {
	for _, c := range r.wanted {
		key := plan.ImageKey{Namespace: prior.Namespace(c.Path, desired), Reference: c.Spec.(*resource.Container).Image}
		r.keys[c.Path] = key
		if _, known := r.actual.Images[key]; !known {
			local, err := r.localImage(ctx, key)
			if err != nil {
				return err
			}
			r.actual.Images[key] = plan.ImageStatus{Local: local}
		}
		if err := r.manifests(ctx, key, prior.Records[c.Path]); err != nil {
			return err
		}
	}
	return nil
}

// localImage returns the digest of an image in its namespace, or "". For a reference with a digest, that digest identifies
// the image.
func (r *refresh) localImage(ctx context.Context, key plan.ImageKey) (string, error) {
	pinned := resource.PinnedDigest(key.Reference)
	if pinned == "" {
		return r.local[key], nil
	}
	has := r.named[contentKey{key.Namespace, pinned}] != ""
	if !has && r.actual.Namespaces[key.Namespace] != nil {
		var err error
		if has, err = image.HasContent(ctx, r.host.containerd, key.Namespace, pinned); err != nil {
			return "", err
		}
	}
	if !has {
		return "", nil
	}
	return pinned, nil
}

// manifests records the manifests for this host of the image of a wanted container and of the image that the container was
// made from, where their digests differ and one reference has a digest.
func (r *refresh) manifests(ctx context.Context, key plan.ImageKey, have *state.Record) error {
	local := r.actual.Images[key].Local
	if have == nil || local == "" || have.Status.ImageDigest == "" || have.Status.ImageDigest == local {
		return nil
	}
	if resource.PinnedDigest(key.Reference) == "" && resource.PinnedDigest(have.Spec.(*resource.Container).Image) == "" {
		return nil
	}
	for _, digest := range []string{local, have.Status.ImageDigest} {
		if _, known := r.actual.Manifests[digest]; known {
			continue
		}
		manifest, err := image.Manifest(ctx, r.host.containerd, key.Namespace, digest)
		if err != nil && !errdefs.IsNotFound(err) {
			return err
		}
		r.actual.Manifests[digest] = manifest
	}
	return nil
}

// remoteImages asks registries for the images that a namespace lacks, and for those that are always pulled and whose
// reference has no digest.
func (r *refresh) remoteImages(ctx context.Context) error {
	asked := map[string]bool{}
	for _, c := range r.wanted {
		policy, key := c.Spec.(*resource.Container).PullPolicy, r.keys[c.Path]
		lacks := r.actual.Images[key].Local == ""
		if policy == resource.PullAlways && (lacks || resource.PinnedDigest(key.Reference) == "") || policy != resource.PullNever && lacks {
			asked[key.Reference] = true
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(refreshParallelism)
	for reference := range asked {
		g.Go(func() error {
			digest, err := image.Resolve(ctx, r.host.containerd, reference)
			r.mu.Lock()
			defer r.mu.Unlock()
			for key, status := range r.actual.Images {
				if key.Reference != reference {
					continue
				}
				status.Remote = digest
				if err != nil {
					status.Err = err.Error()
				}
				r.actual.Images[key] = status
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}
