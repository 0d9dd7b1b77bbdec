package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/poll"
)

// abortsAgain is the number of retries of a failed abort.
const abortsAgain = 10

// Abort removes the data written under ref so far. containerd notices the closing of a writer with a delay, and then still
// records its time: a removal of the same directory at that moment fails, and a second one succeeds.
func Abort(ctx context.Context, store content.IngestManager, ref string) error {
	for again := 0; ; again++ {
		err := store.Abort(ctx, ref)
		if err == nil || errdefs.IsNotFound(err) {
			return nil
		}
		if again == abortsAgain || poll.Pause(ctx) != nil {
			return fmt.Errorf("abort the writing of %s: %w", ref, err)
		}
	}
}

// importRootfs makes an image whose only layer is the tar in r. The same tar always gives the same digest.
func importRootfs(ctx context.Context, c *client.Client, r io.Reader, name string) ([]images.Image, error) {
	if name == "" {
		return nil, errors.New("the image of a root file system needs a name. Choose one with --name")
	}
	layer, err := writeLayer(ctx, c, r)
	if err != nil {
		return nil, fmt.Errorf("store the root file system: %w", err)
	}
	platform := platforms.DefaultSpec()
	config := ocispec.Image{
		Platform: ocispec.Platform{Architecture: platform.Architecture, OS: platform.OS, Variant: platform.Variant},
		Config: ocispec.ImageConfig{
			Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
			Cmd: []string{"/bin/sh"},
		},
		RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
	}
	configDesc, err := writeJSON(ctx, c, ocispec.MediaTypeImageConfig, config)
	if err != nil {
		return nil, fmt.Errorf("store the image config: %w", err)
	}
	manifest := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    configDesc,
		Layers:    []ocispec.Descriptor{layer},
	}
	target, err := writeJSON(ctx, c, ocispec.MediaTypeImageManifest, manifest, configDesc, layer)
	if err != nil {
		return nil, fmt.Errorf("store the image manifest: %w", err)
	}
	return []images.Image{{Name: name, Target: target}}, nil
}

// writeLayer stores r uncompressed, so that its digest is the layer's diff id too.
func writeLayer(ctx context.Context, c *client.Client, r io.Reader) (desc ocispec.Descriptor, err error) {
	store := c.Containerd.ContentStore()
	// Each import has a reference of its own: two at once must not share one ingest.
	ref := "kuke-rootfs-" + strconv.FormatUint(rand.Uint64(), 36)
	w, err := content.OpenWriter(ctx, store, content.WithRef(ref))
	if err != nil {
		return desc, err
	}
	defer func() {
		if err == nil {
			return
		}
		after, cancel := client.Afterwards(ctx)
		defer cancel()
		err = errors.Join(err, Abort(after, store, ref))
	}()
	defer func() { err = errors.Join(err, w.Close()) }()
	size, err := copyTar(w, r)
	if err != nil {
		return desc, err
	}
	if err := w.Commit(ctx, size, ""); err != nil && !errdefs.IsAlreadyExists(err) {
		return desc, err
	}
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: w.Digest(), Size: size}, nil
}

// copyTar copies r and checks that it is a complete tar archive: containerd would only report that in the middle of
// unpacking it.
func copyTar(w io.Writer, r io.Reader) (size int64, err error) {
	// Every write is a message to containerd.
	buffered := bufio.NewWriterSize(&counter{w: w, n: &size}, 1<<20)
	copied := io.TeeReader(r, buffered)
	entries := tar.NewReader(copied)
	for {
		if _, err := entries.Next(); err == io.EOF {
			break
		} else if err != nil {
			return size, fmt.Errorf("the tar archive is damaged: %w", err)
		}
	}
	if _, err := io.Copy(io.Discard, copied); err != nil {
		return size, err
	}
	err = buffered.Flush()
	return size, err
}

type counter struct {
	w io.Writer
	n *int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	*c.n += int64(n)
	return n, err
}

// writeJSON stores v, which refers to children.
func writeJSON(ctx context.Context, c *client.Client, mediaType string, v any, children ...ocispec.Descriptor) (ocispec.Descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	labels := map[string]string{}
	for i, child := range children {
		labels["containerd.io/gc.ref.content."+strconv.Itoa(i)] = child.Digest.String()
	}
	err = content.WriteBlob(ctx, c.Containerd.ContentStore(), "kuke-"+desc.Digest.String(), bytes.NewReader(data), desc, content.WithLabels(labels))
	return desc, err
}
