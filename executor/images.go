package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/rootfs"
	"github.com/kukeon/kuke/planner/plan"
)

// FullReference completes the short name of an image as configurations do: busybox is docker.io/library/busybox:latest.
func FullReference(name string) (string, error) { return fullReference(name) }

// PulledImage is an image after its pull.
type PulledImage struct {
	Name, Digest string
	// New says that the namespace had no image of that name, or another one.
	New bool
	// Foreign is the platform of an image that this host can't run, like linux/arm64; empty for one that it can.
	Foreign string
}

// PullImage pulls an image by its full name, see [image.Puller.Pull].
func (e *Executor) PullImage(ctx context.Context, namespace, name string, report func(plan.Progress)) (*PulledImage, error) {
	before, _, err := image.Digest(ctx, e.containerd, namespace, name)
	if err != nil {
		return nil, err
	}
	digest, err := e.pulls.Pull(ctx, e.keys(namespace), namespace, name, func(p image.Progress) { report(progressOf(p)) })
	if err != nil {
		return nil, err
	}
	pulled := &PulledImage{Name: name, Digest: digest, New: digest != before}
	config, err := image.ReadConfig(ctx, e.containerd, namespace, digest)
	if err != nil {
		return nil, err
	}
	if !image.Runs(config.Platform) && !rootfs.ForeignFormats() {
		pulled.Foreign = platforms.Format(config.Platform)
	}
	return pulled, nil
}

// PushImage sends an image to the registry of its name, which may be short, and returns its full name and the digest there.
func (e *Executor) PushImage(ctx context.Context, namespace, name string) (full, digest string, err error) {
	if full, err = e.present(ctx, namespace, name); err != nil {
		return "", "", err
	}
	digest, err = image.Push(ctx, e.containerd, e.keys(namespace), namespace, full)
	return full, digest, err
}

// TagImage gives the image of a name another one, too, and takes that from any other image. It returns the full names.
func (e *Executor) TagImage(ctx context.Context, namespace, name, other string) (from, to string, err error) {
	if to, err = fullReference(other); err != nil {
		return "", "", err
	}
	if resource.PinnedDigest(to) != "" {
		return "", "", fmt.Errorf("image name %q: a new name can't hold a digest", other)
	}
	if from, err = e.present(ctx, namespace, name); err != nil {
		return "", "", err
	}
	digest, _, err := image.Digest(ctx, e.containerd, namespace, from)
	if err != nil {
		return "", "", err
	}
	return from, to, image.Tag(ctx, e.containerd, namespace, to, digest)
}

// SaveImages writes an OCI archive with the images of the names, which may be short.
func (e *Executor) SaveImages(ctx context.Context, namespace string, names []string, w io.Writer) error {
	full := make([]string, len(names))
	for i, name := range names {
		var err error
		if full[i], err = e.present(ctx, namespace, name); err != nil {
			return err
		}
	}
	return image.Export(ctx, e.containerd, namespace, full, w)
}

// present returns the full name of an image that the namespace has.
func (e *Executor) present(ctx context.Context, namespace, name string) (string, error) {
	full, err := fullReference(name)
	if err != nil {
		return "", err
	}
	if _, ok, err := image.Digest(ctx, e.containerd, namespace, full); err != nil || !ok {
		return "", errors.Join(err, noImage(full, namespace))
	}
	return full, nil
}

func noImage(name, namespace string) error {
	return fmt.Errorf("there is no image %s in containerd namespace %s", name, namespace)
}

// ImageDetails are the facts about an image, with the names of docker image inspect.
type ImageDetails struct {
	ID          string `json:"Id"`
	Digest      string
	Manifest    string
	RepoTags    []string
	RepoDigests []string
	// Created is the time that the config names, if it does.
	Created      *time.Time `json:",omitempty"`
	Architecture string
	Variant      string `json:",omitempty"`
	OS           string `json:"Os"`
	Author       string `json:",omitempty"`
	// Size is the size of the content in bytes: the compressed layers and the configuration.
	Size   int64
	Config json.RawMessage
	RootFS ocispec.RootFS
	Layers []ImageLayer
}

// ImageLayer is a compressed layer.
type ImageLayer struct {
	MediaType string
	Digest    string
	Size      int64
}

// InspectImage returns the facts about an image by its name, which may be short.
func (e *Executor) InspectImage(ctx context.Context, namespace, name string) (*ImageDetails, error) {
	full, err := fullReference(name)
	if err != nil {
		return nil, err
	}
	d, err := image.Inspect(ctx, e.containerd, namespace, full)
	if errdefs.IsNotFound(err) {
		if _, ok, _ := image.Digest(ctx, e.containerd, namespace, full); !ok {
			return nil, noImage(full, namespace)
		}
	}
	if err != nil {
		return nil, err
	}
	var raw struct {
		Config json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(d.Config, &raw); err != nil {
		return nil, fmt.Errorf("config of image %s: %w", full, err)
	}
	details := &ImageDetails{
		ID: d.Manifest.Config.Digest.String(), Digest: d.Digest, Manifest: d.ManifestDigest, RepoTags: []string{}, RepoDigests: []string{},
		Created: d.Parsed.Created, Architecture: d.Parsed.Architecture, Variant: d.Parsed.Variant, OS: d.Parsed.OS, Author: d.Parsed.Author,
		Size: d.Size, Config: raw.Config, RootFS: d.Parsed.RootFS,
	}
	for _, name := range d.Names {
		if resource.PinnedDigest(name) == "" {
			details.RepoTags = append(details.RepoTags, name)
		} else {
			details.RepoDigests = append(details.RepoDigests, name)
		}
	}
	for _, l := range d.Manifest.Layers {
		details.Layers = append(details.Layers, ImageLayer{l.MediaType, l.Digest.String(), l.Size})
	}
	return details, nil
}

// UnusedImages lists the images of the namespace that no container needs, recorded or existing, in whatever state: those that are
// named by their digest alone, and with all also those with a tag.
func (e *Executor) UnusedImages(ctx context.Context, namespace string, all bool) ([]Image, error) {
	list, err := e.Images(ctx, namespace)
	if err != nil {
		return nil, err
	}
	used, err := e.usedImages(ctx, namespace, list)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(i Image) bool {
		return !all && resource.PinnedDigest(i.Name) == "" || used[i.Name] || used[i.Digest] || used[e.manifestOf(ctx, namespace, i.Digest)]
	}), nil
}

// usedImages returns the names, the digests and the manifests' digests of the images that containers were made from or are recorded
// with.
func (e *Executor) usedImages(ctx context.Context, namespace string, images []Image) (map[string]bool, error) {
	used := map[string]bool{}
	existing, err := containers.List(ctx, e.containerd, namespace)
	if err != nil {
		return nil, err
	}
	for _, c := range existing {
		used[c.Image] = true
	}
	for _, r := range e.store.Records() {
		c, ok := r.Spec.(*resource.Container)
		if !ok || r.Status.Namespace != namespace {
			continue
		}
		used[c.Image] = true
		if digest := r.Status.ImageDigest; digest != "" {
			used[digest], used[e.manifestOf(ctx, namespace, digest)] = true, true
		}
	}
	for _, i := range images {
		if used[i.Name] {
			used[i.Digest], used[e.manifestOf(ctx, namespace, i.Digest)] = true, true
		}
	}
	return used, nil
}

// manifestOf returns the digest of the manifest for this host's platform, or that of the image where it can't be read.
func (e *Executor) manifestOf(ctx context.Context, namespace, digest string) string {
	if manifest, err := image.Manifest(ctx, e.containerd, namespace, digest); err == nil {
		return manifest
	}
	return digest
}

// PruneImages removes images by their full names, and the parts of images whose pulls were given up. It returns the number of bytes
// that the host has gained. It refuses everything where a container needs one of the images.
func (e *Executor) PruneImages(ctx context.Context, namespace string, images []Image) (reclaimed int64, err error) {
	unused, err := e.UnusedImages(ctx, namespace, true)
	if err != nil {
		return 0, err
	}
	names := make([]string, len(images))
	for i, image := range images {
		if !slices.ContainsFunc(unused, func(u Image) bool { return u.Name == image.Name && u.Digest == image.Digest }) {
			return 0, fmt.Errorf("image %s has changed, or a container needs it: nothing was removed. Run the command again", image.Name)
		}
		names[i] = image.Name
	}
	return image.RemoveAll(ctx, e.containerd, namespace, names)
}
