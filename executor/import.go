package executor

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/configs"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/etc"
	"github.com/kukeon/kuke/executor/internal/secrets"
	"github.com/kukeon/kuke/executor/internal/spec"
	"github.com/kukeon/kuke/planner/state"
)

// Found is a container of the host in the terms of a configuration.
type Found struct {
	// Spec is not in normal form yet: the image is the reference in containerd.
	Spec *resource.Container
	// Lost names the settings of the container that no configuration can express.
	Lost        []string
	ImageDigest string
	Labels      map[string]string
	CreatedAt   time.Time
}

// Inspect describes a container that kuke did not make, or that is not recorded, as a container of the cell.
func (e *Executor) Inspect(ctx context.Context, namespace, id string, cell resource.Path) (*Found, error) {
	container, err := e.find(ctx, namespace, func(c containers.Container) bool { return c.ID == id })
	if err != nil {
		return nil, err
	}
	if container == nil {
		return nil, fmt.Errorf("containerd namespace %s has no container %q", namespace, id)
	}
	i, err := containers.Inspect(ctx, e.containerd, namespace, id)
	if err != nil {
		return nil, err
	}
	described := spec.Describe(i, func(source string) bool {
		return e.ownFile(cell, source) || configs.Owns(e.store, namespace, id, source)
	})
	found := &Found{Spec: described.Spec, Lost: described.Lost, ImageDigest: i.ImageDigest, Labels: container.Labels, CreatedAt: container.CreatedAt}
	found.Spec.Labels = containers.UserLabels(container.Labels, i.Config.Labels)
	found.Spec.Resources = i.Limits()
	found.Spec.RestartPolicy = container.RestartPolicy
	return found, nil
}

// Import records a container that kuke did not make, and sets kuke's labels on it. The container keeps running as it is.
func (e *Executor) Import(ctx context.Context, r *state.Record) error {
	if err := e.mark(ctx, r, nil); err != nil {
		return err
	}
	if err := e.record(r, true); err != nil {
		return err
	}
	return e.store.Commit()
}

// ownFile reports whether kuke mounts the file into the containers of a cell.
func (e *Executor) ownFile(cell resource.Path, source string) bool {
	return filepath.Dir(source) == etc.Dir(e.store, cell) || secrets.Owns(source)
}
