package observe

import (
	"context"
	"errors"
	"log/slog"
	"maps"

	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"golang.org/x/sync/errgroup"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/registry"
	"github.com/kukeon/kuke/executor/internal/rootfs"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

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
		if has, err = image.HasContent(ctx, r.host.Containerd, key.Namespace, pinned); err != nil {
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
		manifest, err := image.Manifest(ctx, r.host.Containerd, key.Namespace, digest)
		if err != nil && !errdefs.IsNotFound(err) {
			return err
		}
		r.actual.Manifests[digest] = manifest
	}
	return nil
}

// question is a question to a registry: the namespaces with the same credentials ask it once.
type question struct {
	keys      *registry.Keyring
	reference string
}

// remoteImages asks registries for the images that a namespace lacks, and for those that are always pulled and whose
// reference has no digest.
func (r *refresh) remoteImages(ctx context.Context) error {
	asked := map[question]map[plan.ImageKey]bool{}
	for _, c := range r.wanted {
		policy, key := c.Spec.(*resource.Container).PullPolicy, r.keys[c.Path]
		lacks := r.actual.Images[key].Local == ""
		if policy == resource.PullAlways && (lacks || resource.PinnedDigest(key.Reference) == "") || policy != resource.PullNever && lacks {
			q := question{r.host.Keys(key.Namespace), key.Reference}
			if asked[q] == nil {
				asked[q] = map[plan.ImageKey]bool{}
			}
			asked[q][key] = true
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(refreshParallelism)
	for q, keys := range asked {
		g.Go(func() error {
			digest, err := image.Resolve(ctx, q.keys, q.reference)
			r.mu.Lock()
			defer r.mu.Unlock()
			for key := range keys {
				status := r.actual.Images[key]
				status.Remote, status.Failure = digest, failureOf(err)
				r.actual.Images[key] = status
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}

// failureOf returns the failure of a registry that the error is about; nil for no error.
func failureOf(err error) *plan.RegistryFailure {
	var failed *registry.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &failed):
		return &failed.RegistryFailure
	}
	return &plan.RegistryFailure{Cause: plan.RegistryOther, Text: err.Error(), Remedy: "Check the name of the image"}
}

// imageConfigs reads the configs of the images of wanted containers: from their namespaces, and from registries where containers
// are to be made from an image that the namespace lacks.
func (r *refresh) imageConfigs(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(refreshParallelism)
	emulated := rootfs.ForeignFormats()
	for key, status := range maps.Clone(r.actual.Images) {
		g.Go(func() error {
			config, err := r.imageConfig(ctx, key, status)
			if failed := failureOf(err); failed != nil && failed.Cause == plan.RegistryPlatform {
				r.mu.Lock()
				defer r.mu.Unlock()
				status.Failure = failed
				r.actual.Images[key] = status
				return nil
			}
			if err != nil {
				slog.InfoContext(ctx, "could not read the config of an image", "image", key.Reference, "error", err)
				return ctx.Err()
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			status.Config = configOf(config)
			if config != nil && !emulated && !image.Runs(config.Platform) {
				status.Foreign = platforms.Format(config.Platform)
			}
			r.actual.Images[key] = status
			return nil
		})
	}
	return g.Wait()
}

func (r *refresh) imageConfig(ctx context.Context, key plan.ImageKey, status plan.ImageStatus) (*image.Config, error) {
	switch {
	case status.Remote != "" && status.Remote != status.Local:
		remote, err := image.FindRemote(ctx, r.host.Keys(key.Namespace), key.Namespace, key.Reference, status.Remote)
		if err != nil {
			return nil, err
		}
		return remote.Config(ctx)
	case status.Local != "":
		return image.ReadConfig(ctx, r.host.Containerd, key.Namespace, status.Local)
	}
	return nil, nil
}

// configOf returns the config in the words of plans.
func configOf(c *image.Config) *plan.ImageConfig {
	if c == nil {
		return nil
	}
	config := &plan.ImageConfig{Platform: c.Platform, User: c.User, Volumes: c.Volumes, Ports: c.Ports}
	if c.Healthcheck != nil {
		check := plan.ImageHealthcheck(*c.Healthcheck)
		config.Healthcheck = &check
	}
	return config
}
