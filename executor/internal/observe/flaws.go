package observe

import (
	"context"
	"fmt"
	"log/slog"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/preflight"
	"github.com/kukeon/kuke/executor/internal/rootfs"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// flaws looks into the images of the host for reasons why containers that are new, or differ from their records, could not
// run. A plan must report these before any container is stopped.
func (r *refresh) flaws(ctx context.Context, prior *state.State) error {
	byImage := map[plan.ImageKey][]*resource.Resource{}
	var images []plan.ImageKey // in a stable order
	for _, c := range r.wanted {
		key := r.keys[c.Path]
		if !r.isMade(c, prior.Records[c.Path], r.actual.Images[key].Local) {
			continue
		}
		if byImage[key] == nil {
			images = append(images, key)
		}
		byImage[key] = append(byImage[key], c)
	}
	foreign := rootfs.ForeignFormats()
	for _, key := range images {
		err := r.flawsIn(ctx, key, byImage[key], foreign, prior)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			// Where containerd's directories can't be mounted, for example in a container that only has its socket, the steps that
			// prepare containers find the flaws.
			slog.InfoContext(ctx, "could not look into an image", "image", key.Reference, "error", err)
		}
	}
	return nil
}

func (r *refresh) flawsIn(ctx context.Context, key plan.ImageKey, containers []*resource.Resource, foreign bool, prior *state.State) error {
	name := r.nameOf(key)
	if name == "" {
		return nil
	}
	_, err := image.View(ctx, r.host.Containerd, key.Namespace, name, func(root string, config ocispec.ImageConfig) error {
		p := preflight.Image{Root: root, Name: key.Reference, Config: config, Foreign: foreign}
		for _, c := range containers {
			var cell *resource.Cell
			if above := r.desired.Resource(c.Path.Parent()); above != nil {
				cell = above.Spec.(*resource.Cell)
			}
			spec := r.mounted(c.Spec.(*resource.Container), prior)
			found, err := p.Flaws(spec, preflight.Alone(spec, cell))
			if err != nil {
				return fmt.Errorf("check container %s: %w", c.Path, err)
			}
			if len(found) > 0 {
				r.actual.Flaws[c.Path] = found
			}
		}
		return nil
	})
	return err
}

// nameOf returns a name that the image has in its namespace before the plan gives it that of the reference, or "" where it
// has none: then it is part of another image, and the step that prepares the container looks into it.
func (r *refresh) nameOf(key plan.ImageKey) string {
	if local := r.actual.Images[key].Local; r.local[key] != local {
		return r.named[contentKey{key.Namespace, local}]
	}
	return key.Reference
}

// isMade reports whether the wanted container has to be created from the image with the digest, as far as that is known
// before planning.
func (r *refresh) isMade(want *resource.Resource, have *state.Record, digest string) bool {
	if digest == "" {
		return false
	}
	return have == nil || have.Status.ImageDigest != digest || have.Status.SpecDigest != resource.CreationDigest(want.Spec)
}
