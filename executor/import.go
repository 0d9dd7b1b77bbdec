package executor

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/etc"
	"github.com/kukeon/kuke/executor/internal/secrets"
	"github.com/kukeon/kuke/executor/internal/spec"
	"github.com/kukeon/kuke/planner/state"
)

// toolLabels begin the keys of labels that tools set for themselves.
var toolLabels = []string{"kukeon.io/", "containerd.io/", "io.containerd.", "nerdctl/", "io.cri-containerd", "io.kubernetes."}

// Found is a container of the host, described as a configuration would.
type Found struct {
	// Spec is in no normal form yet: the image is as containerd has it.
	Spec *resource.Container
	// Lost says what of the container no configuration can put.
	Lost        []string
	ImageDigest string
	Labels      map[string]string
	CreatedAt   time.Time
}

// Inspect describes a container that kuke did not make, or that it has forgotten, for being one of the cell.
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
	described := spec.Describe(i, func(source string) bool { return e.ownFile(cell, source) })
	found := &Found{Spec: described.Spec, Lost: described.Lost, ImageDigest: i.ImageDigest, Labels: container.Labels, CreatedAt: container.CreatedAt}
	found.Spec.Labels = userLabels(container.Labels, i.Config.Labels)
	found.Spec.Resources = i.Limits()
	found.Spec.RestartPolicy = container.RestartPolicy
	return found, nil
}

// userLabels returns the labels that neither a tool set nor the image did.
func userLabels(labels, image map[string]string) map[string]string {
	users := maps.Clone(labels)
	maps.DeleteFunc(users, func(key, value string) bool {
		byTool := slices.ContainsFunc(toolLabels, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
		return byTool || image[key] == value && value != ""
	})
	if len(users) == 0 {
		return nil
	}
	return users
}

// Import records a container that kuke did not make, and labels it as ours. It goes on as it is.
func (e *Executor) Import(ctx context.Context, r *state.Record) error {
	if err := e.mark(ctx, r, nil); err != nil {
		return err
	}
	if err := e.record(r, true); err != nil {
		return err
	}
	return e.store.Commit()
}

// ownFile reports whether a file is one of those that kuke mounts into the containers of a cell.
func (e *Executor) ownFile(cell resource.Path, source string) bool {
	return filepath.Dir(source) == etc.Dir(e.store, cell) || secrets.Owns(source)
}
