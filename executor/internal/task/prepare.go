package task

import (
	"context"
	"fmt"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/errdefs"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/snapshot"
	"github.com/kukeon/kuke/executor/internal/spec"
)

// UpdateResources changes the limits of the running task, if there is one, and then those in the spec for later tasks. The
// devices in the spec stay. A zero or missing field keeps its limit: removing a limit takes the value for unlimited.
func UpdateResources(ctx context.Context, c *client.Client, ns, id string, resources *specs.LinuxResources) error {
	ctx = client.In(ctx, ns)
	container, err := c.Containerd.LoadContainer(ctx, id)
	if err != nil {
		return fmt.Errorf("update limits of container %s: %w", id, err)
	}
	t, err := container.Task(ctx, nil)
	switch {
	case err == nil:
		err = t.Update(ctx, containerd.WithResources(resources))
		// A task that has just ended has no limits to change.
		if err != nil && !Ended(ctx, t) {
			return fmt.Errorf("update limits of container %s: %w", id, client.Readable(err))
		}
	case !errdefs.IsNotFound(err):
		return fmt.Errorf("update limits of container %s: %w", id, err)
	}
	err = containers.UpdateSpec(ctx, c, id, func(s *specs.Spec) bool {
		spec.MergeResources(s, resources)
		return true
	})
	return client.Wrap(err, "record limits of container %s", id)
}

// Ended reports whether the task has stopped or no longer exists.
func Ended(ctx context.Context, t containerd.Task) bool {
	s, err := t.Status(ctx)
	return errdefs.IsNotFound(err) || err == nil && s.Status == containerd.Stopped
}

// Prepare updates, in the OCI spec that the next task is made from, the settings that depend on the host or that may change
// during the life of the container: its AppArmor profile, its OOM score adjustment and the program that is its init, if it has one. It first loads the default profile
// where the kernel lacks it, for example after a reboot. In the root file system it replaces symbolic links that root would
// follow, as [containers.Create] does.
func Prepare(ctx context.Context, c *client.Client, ns, id string, wanted *resource.Container, init string) error {
	profile := spec.Profile(wanted)
	if err := spec.LoadProfile(profile); err != nil {
		return fmt.Errorf("start container %s: %w", id, err)
	}
	if err := snapshot.EnsureMountpoints(client.In(ctx, ns), c, id); err != nil {
		return fmt.Errorf("start container %s: %w", id, err)
	}
	err := containers.UpdateSpec(client.In(ctx, ns), c, id, func(s *specs.Spec) bool {
		if s.Process == nil {
			return false
		}
		before := s.Process.OOMScoreAdj
		changed := s.Process.ApparmorProfile != profile || before == nil || *before != int(wanted.OOMScoreAdj)
		spec.SetProcess(s.Process, profile, wanted)
		return spec.SetInit(s, init) || changed
	})
	return client.Wrap(err, "update the spec of container %s", id)
}
