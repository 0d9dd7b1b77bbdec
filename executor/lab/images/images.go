// Package images makes images of real services from Debian packages, with the entrypoints, users, volumes and healthchecks that
// the official images have, and serves them from a registry.
package images

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/gofrs/flock"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

//go:embed build.sh recipes
var sources embed.FS

const (
	recipesDir  = "recipes"
	buildScript = "build.sh"
	layerFile   = "layer.tar.gz"
	configFile  = "config.json"
)

// Build returns the images by the names of their recipes. The first call builds them from the packages of the archive that this
// machine's apt uses, which takes about a minute, and keeps them in the user's cache directory under a digest of the recipes.
// It needs root and mmdebstrap; the output of the build goes to standard error.
func Build(ctx context.Context) (map[string]v1.Image, error) {
	dir, err := build(ctx)
	if err != nil {
		return nil, fmt.Errorf("build the images of services: %w", err)
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	images := make(map[string]v1.Image, len(manifest.Manifests))
	for _, m := range manifest.Manifests {
		if images[m.Annotations[ocispec.AnnotationRefName]], err = index.Image(m.Digest); err != nil {
			return nil, err
		}
	}
	return images, nil
}

// build returns the directory with the images, in the layout of OCI.
func build(ctx context.Context) (dir string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	parent := filepath.Join(cache, "kuke", "images")
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", err
	}
	digest, err := digestOf(sources)
	if err != nil {
		return "", err
	}
	lock := flock.New(filepath.Join(parent, ".lock"))
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	dir = filepath.Join(parent, digest)
	if _, err := os.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	if err := removeOthers(parent); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(parent, "new-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := os.CopyFS(work, sources); err != nil {
		return "", err
	}
	recipes, err := fs.ReadDir(sources, recipesDir)
	if err != nil {
		return "", err
	}
	base := filepath.Join(work, "base")
	for _, recipe := range recipes {
		// A mount namespace of its own, so that a build that is killed leaves no mounts.
		cmd := exec.CommandContext(ctx, "unshare", "--mount", "bash", filepath.Join(work, buildScript), base, filepath.Join(work, recipesDir, recipe.Name()), filepath.Join(work, recipe.Name()))
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("recipe %s: %w", recipe.Name(), err)
		}
	}
	finished := filepath.Join(work, "layout")
	if err := write(finished, work, recipes); err != nil {
		return "", err
	}
	return dir, os.Rename(finished, dir)
}

// write writes the images of the recipes, whose layers are below work.
func write(dir, work string, recipes []fs.DirEntry) error {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	for _, recipe := range recipes {
		image, err := assemble(work, recipe.Name())
		if err == nil {
			err = path.AppendImage(image, layout.WithAnnotations(map[string]string{ocispec.AnnotationRefName: recipe.Name()}))
		}
		if err != nil {
			return fmt.Errorf("assemble image %s: %w", recipe.Name(), err)
		}
	}
	return nil
}

// removeOthers removes the images of other versions of the recipes, and the remains of killed builds.
func removeOthers(parent string) error {
	old, err := os.ReadDir(parent)
	if err != nil {
		return err
	}
	for _, entry := range old {
		if entry.IsDir() {
			if err := os.RemoveAll(filepath.Join(parent, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// digestOf returns a digest of the names and contents of all files.
func digestOf(files fs.FS) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n", path, len(data))
		_, err = sum.Write(data)
		return err
	})
	const digits = 16
	return hex.EncodeToString(sum.Sum(nil))[:digits], err
}

// assemble makes an image of the layer that all share, the layer of the recipe and its config.
func assemble(dir, recipe string) (v1.Image, error) {
	var layers []v1.Layer
	for _, file := range []string{filepath.Join(dir, "base.tar.gz"), filepath.Join(dir, recipe, layerFile)} {
		layer, err := tarball.LayerFromFile(file)
		if err != nil {
			return nil, err
		}
		layers = append(layers, layer)
	}
	image, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	data, err := sources.ReadFile(recipesDir + "/" + recipe + "/" + configFile)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &config.Config); err != nil {
		return nil, err
	}
	config.OS, config.Architecture = "linux", runtime.GOARCH
	return mutate.ConfigFile(image, config)
}
