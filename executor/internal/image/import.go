package image

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/executor/internal/client"
)

// Import imports an image and returns its names. r holds an OCI archive, a docker archive or the tar of a root file system,
// plain or compressed with gzip or zstd; Import detects the format.
//
// A root file system becomes an image of one layer, called name. The images of an archive keep their names where name is
// empty; name replaces the name of the only image of an archive. Import names images after it has unpacked all of them, so
// a broken archive leaves an older image of that name as it was.
//
// r is read twice: Import copies a source that can't seek, a pipe for example, to a temporary file.
func Import(ctx context.Context, c *client.Client, ns string, r io.Reader, name string) (names []string, err error) {
	ctx = client.In(ctx, ns)
	if name != "" {
		named, err := reference.ParseDockerRef(name)
		if err != nil {
			return nil, fmt.Errorf("import image: name %q: %w", name, err)
		}
		name = named.String()
	}
	file, done, err := seekable(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("import image: %w", err)
	}
	defer func() { err = errors.Join(err, done()) }()
	file = interruptible{ctx, file}
	isArchive, err := detect(file)
	if err != nil {
		return nil, fmt.Errorf("import image: %w", err)
	}
	// The lease protects content without a name from the garbage collector.
	ctx, release, err := c.Lease(ctx)
	if err != nil {
		return nil, fmt.Errorf("import image: %w", err)
	}
	defer func() { err = errors.Join(err, release(err != nil)) }()
	tarball, err := decompress(file)
	if err != nil {
		return nil, fmt.Errorf("import image: %w", err)
	}
	defer tarball.Close()
	var found []images.Image
	if isArchive {
		found, err = importArchive(ctx, c, tarball, name)
	} else {
		found, err = importRootfs(ctx, c, tarball, name)
	}
	if err != nil {
		return nil, fmt.Errorf("import image: %w", err)
	}
	return nameImages(ctx, c, found)
}

// nameImages unpacks all images before it names the first.
func nameImages(ctx context.Context, c *client.Client, found []images.Image) (names []string, err error) {
	for _, image := range found {
		if err := unpack(ctx, c, containerd.NewImage(c.Containerd, image)); err != nil {
			return nil, fmt.Errorf("import image: %w", err)
		}
	}
	store := c.Containerd.ImageService()
	for _, image := range found {
		_, err := store.Create(ctx, image)
		if errdefs.IsAlreadyExists(err) {
			_, err = store.Update(ctx, image, "target")
		}
		if err != nil {
			return names, fmt.Errorf("import image: name %s: %w", image.Name, err)
		}
		names = append(names, image.Name)
	}
	return names, nil
}

// interruptible is a file that returns the error of a context once that has ended.
type interruptible struct {
	ctx context.Context
	io.ReadSeeker
}

func (i interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.ReadSeeker.Read(p)
}

// seekable returns r, or a temporary copy of it that done removes.
func seekable(ctx context.Context, r io.Reader) (file io.ReadSeeker, done func() error, err error) {
	if rs, ok := r.(io.ReadSeeker); ok {
		// A pipe is also an *os.File.
		if _, err := rs.Seek(0, io.SeekCurrent); err == nil {
			return rs, func() error { return nil }, nil
		}
	}
	f, err := os.CreateTemp("", "kuke-import-")
	if err != nil {
		return nil, nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(f, r)
		copied <- err
	}()
	select {
	case err = <-copied:
	case <-ctx.Done(): // a pipe may block for ever
		err = ctx.Err()
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, f.Close, nil
}

func decompress(file io.ReadSeeker) (compression.DecompressReadCloser, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return compression.DecompressStream(file)
}

// dockerEntry matches the layers and configs at the top of a docker archive: those of docker save, podman and nix, which
// are "<digest>/layer.tar", "<digest>.tar" and "<digest>.json", those of go-containerregistry, and so of crane, ko, kaniko
// and bazel, which are "sha256:<digest>" and "<digest>.tar.gz", and the config of jib.
var dockerEntry = regexp.MustCompile(`^((sha256:)?[0-9a-f]{64}(/|\.json$|\.tar(\.gz|\.zst)?$|$)|config\.json$)`)

// detect reports whether the file is an image archive or the tar of a root file system. It reads no further than necessary.
func detect(file io.ReadSeeker) (isArchive bool, err error) {
	stream, err := decompress(file)
	if err != nil {
		return false, fmt.Errorf("read it: %w", err)
	}
	defer stream.Close()
	entries := tar.NewReader(stream)
	for n := 0; ; n++ {
		header, err := entries.Next()
		if err == io.EOF {
			if n == 0 {
				return false, errors.New("it is empty")
			}
			return false, errors.New("it is neither an image archive (oci-layout or manifest.json is missing) nor a root file system")
		}
		if err != nil {
			if n > 0 {
				return false, fmt.Errorf("the tar archive is damaged after %d entries: %w", n, err)
			}
			return false, fmt.Errorf("it is not a tar archive, plain or compressed with gzip or zstd: %w", err)
		}
		name := strings.TrimPrefix(path.Clean("/"+header.Name), "/")
		switch {
		case name == ocispec.ImageLayoutFile, name == "manifest.json", name == ocispec.ImageIndexFile:
			return true, nil
		case name == "", name == "repositories", name == "blobs", strings.HasPrefix(name, "blobs/"), dockerEntry.MatchString(name):
		default:
			return false, nil
		}
	}
}

func importArchive(ctx context.Context, c *client.Client, r io.Reader, name string) ([]images.Image, error) {
	store := c.Containerd.ContentStore()
	index, err := archive.ImportIndex(ctx, store, r)
	if err != nil {
		return nil, fmt.Errorf("read the image archive: %w", err)
	}
	data, err := content.ReadBlob(ctx, store, index)
	if err != nil {
		return nil, fmt.Errorf("read the index of the image archive: %w", err)
	}
	var parsed ocispec.Index
	if err := json.Unmarshal(data, &parsed); err != nil {
		return nil, fmt.Errorf("read the index of the image archive: %w", err)
	}
	found, err := nameManifests(parsed.Manifests, name)
	if err != nil {
		return nil, err
	}
	handler := images.SetChildrenLabels(store, images.FilterPlatforms(images.ChildrenHandler(store), platforms.Default()))
	for _, image := range found {
		if err := images.WalkNotEmpty(ctx, handler, image.Target); err != nil {
			return nil, fmt.Errorf("image %s of the archive: %w", image.Name, err)
		}
	}
	return found, nil
}

// nameManifests names the images of an archive by their own names, or the only one by the given name.
func nameManifests(manifests []ocispec.Descriptor, name string) ([]images.Image, error) {
	digests := map[string]ocispec.Descriptor{}
	var found []images.Image
	for _, m := range manifests {
		digests[m.Digest.String()] = m
		own := m.Annotations[images.AnnotationImageName]
		// OCI's own annotation may be no more than a tag, which is no name.
		if ref := m.Annotations[ocispec.AnnotationRefName]; own == "" && strings.ContainsAny(ref, "/:@") {
			own = ref
		}
		if own == "" {
			continue
		}
		named, err := reference.ParseDockerRef(own)
		if err != nil {
			return nil, fmt.Errorf("the archive holds an image with the name %q: %w", own, err)
		}
		found = append(found, images.Image{Name: named.String(), Target: m})
	}
	switch {
	case len(digests) == 0:
		return nil, errors.New("the archive holds no image")
	case name != "" && len(digests) == 1:
		return []images.Image{{Name: name, Target: manifests[0]}}, nil
	case name != "":
		return nil, fmt.Errorf("the archive holds %d images, which can't share one name. Omit --name", len(digests))
	case len(found) == 0:
		return nil, errors.New("the image in the archive has no name. Choose one with --name")
	}
	return found, nil
}
