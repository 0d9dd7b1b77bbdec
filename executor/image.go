package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/planner/plan"
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
			return "", fmt.Errorf("image %s is in use by container %s. Delete the container first", name, c.ID)
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
// removed or goes to another image. report is that of [image.Puller.Pull].
func (e *Executor) image(ctx context.Context, wanted *plan.Image, report func(plan.Progress)) error {
	if wanted.Pull {
		if _, err := e.pulls.Pull(ctx, e.keys(wanted.Namespace), wanted.Namespace, wanted.Reference, func(p image.Progress) { report(progressOf(p)) }); err != nil {
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
		return fmt.Errorf("image %s resolves to %q in containerd namespace %s, but the plan was made for %s. Plan again", wanted.Reference, digest, wanted.Namespace, wanted.Digest)
	}
	return image.EnsureUnpacked(ctx, e.containerd, wanted.Namespace, wanted.Reference)
}

func progressOf(p image.Progress) plan.Progress {
	layers := make([]plan.LayerProgress, len(p.Layers))
	for i, l := range p.Layers {
		layers[i] = plan.LayerProgress{Digest: l.Digest, State: plan.LayerState(l.State), Bytes: l.Bytes, Total: l.Total}
	}
	return plan.Progress{Bytes: p.Bytes, Total: p.Total, Layers: layers}
}
