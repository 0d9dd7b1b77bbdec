package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/distribution/reference"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/image"
)

// Image is one that a containerd namespace has.
type Image struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
	// Size is that of its content in bytes: the compressed layers and the configuration.
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

// ImportImage reads an OCI archive, a docker archive or a tar of a root file system and returns the names of
// the images it made. name is required for a root file system, and otherwise replaces the name in the archive
// if not empty.
func (e *Executor) ImportImage(ctx context.Context, namespace string, r io.Reader, name string) ([]string, error) {
	return image.Import(ctx, e.containerd, namespace, r, name)
}

// RemoveImage removes an image by its name, which may be short, and returns its full name. An image that a
// container uses is refused.
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
