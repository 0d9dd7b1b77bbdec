package image

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/executor/internal/client"
)

// Config is the part of an image's config that concerns its containers.
type Config struct {
	Platform ocispec.Platform
	// User is the user that a Dockerfile's USER names; empty for root.
	User string
	// Volumes are the absolute paths of VOLUME, sorted.
	Volumes []string
	// Ports are those of EXPOSE, as 80/tcp, sorted.
	Ports []string
	// Healthcheck is nil where the image has none.
	Healthcheck *Healthcheck
}

// Healthcheck is the HEALTHCHECK of an image as Docker writes it: its Test begins with NONE, CMD or CMD-SHELL, and a zero value of
// the other fields is Docker's default.
type Healthcheck struct {
	Test                                          []string
	Interval, Timeout, StartPeriod, StartInterval time.Duration
	Retries                                       int64
}

// ReadConfig reads the config of the image that the namespace has with that digest. Where its content lacks the manifest for this
// host's platform, the error is errdefs.ErrNotFound.
func ReadConfig(ctx context.Context, c *client.Client, ns, imageDigest string) (*Config, error) {
	config, err := localConfig(client.In(ctx, ns), c, imageDigest)
	return config, client.Wrap(err, "read the config of image %s in namespace %s", imageDigest, ns)
}

func localConfig(ctx context.Context, c *client.Client, imageDigest string) (*Config, error) {
	found, err := manifest(ctx, c, imageDigest)
	if err != nil {
		return nil, err
	}
	return configOf(ctx, c.Containerd.ContentStore(), ocispec.Descriptor{Digest: digest.Digest(found)})
}

// Config reads the config of the image from the registry.
func (r *Remote) Config(ctx context.Context) (*Config, error) {
	ctx = client.Quiet(ctx)
	store := &fetched{fetcher: r.fetcher, data: map[digest.Digest][]byte{}}
	for _, part := range r.Blobs {
		if desc := r.parts[part.Digest]; images.IsManifestType(desc.MediaType) {
			return configOf(ctx, store, desc)
		}
	}
	return nil, fmt.Errorf("image %s has no manifest for this platform", r.Name)
}

// configOf reads the config that a manifest names. A namespace needs no more of the descriptor than its digest.
func configOf(ctx context.Context, store content.Provider, desc ocispec.Descriptor) (*Config, error) {
	data, err := readBlob(ctx, store, desc)
	if err != nil {
		return nil, err
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("manifest %s: %w", desc.Digest, err)
	}
	if data, err = readBlob(ctx, store, m.Config); err != nil {
		return nil, err
	}
	config, err := parseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("config %s: %w", m.Config.Digest, err)
	}
	return config, nil
}

func readBlob(ctx context.Context, store content.Provider, desc ocispec.Descriptor) (data []byte, err error) {
	reader, err := store.ReaderAt(ctx, desc)
	if err != nil {
		return nil, err
	}
	defer func() { _ = reader.Close() }()
	if reader.Size() > maxManifest {
		return nil, fmt.Errorf("blob %s has %d bytes, more than %d", desc.Digest, reader.Size(), maxManifest)
	}
	return io.ReadAll(io.NewSectionReader(reader, 0, reader.Size()))
}

// dockerConfig are the fields of Docker's config of an image that kuke reads beyond those of OCI.
type dockerConfig struct {
	ocispec.Image

	Config struct {
		ocispec.ImageConfig

		Healthcheck *Healthcheck
	} `json:"config"`
}

func parseConfig(data []byte) (*Config, error) {
	var read dockerConfig
	if err := json.Unmarshal(data, &read); err != nil {
		return nil, err
	}
	config := &Config{
		Platform: read.Platform, User: read.Config.User,
		Volumes: slices.Sorted(maps.Keys(read.Config.Volumes)), Ports: slices.Sorted(maps.Keys(read.Config.ExposedPorts)),
	}
	if h := read.Config.Healthcheck; h != nil && len(h.Test) > 0 {
		config.Healthcheck = h
	}
	return config, nil
}

// Runs reports whether this host runs programs of the platform without emulation. A config may name none.
func Runs(p ocispec.Platform) bool { return p.Architecture == "" || platforms.Default().Match(p) }
