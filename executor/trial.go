package executor

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/cgroup"
	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/exec"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/executor/internal/preflight"
	"github.com/kukeon/kuke/executor/internal/spec"
	"github.com/kukeon/kuke/executor/internal/task"
	"github.com/kukeon/kuke/executor/vitals"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Before a container is replaced, the new one is tried: it is made under another id, in a cgroup and a network namespace of
// its own, up to the start of its program, and removed. So errors in its settings show while the old one runs.

// trialCgroup returns the cgroup of a container that is tried. It is outside the cgroup of the cell, whose processes must
// not lose memory to it.
func trialCgroup(id string) string { return cgroup.Top + "/." + id }

// try checks that a container can be made.
func (k containerKind) try(ctx context.Context, after *state.Record) error {
	if err := k.executor.fillVolumes(ctx, after); err != nil {
		return err
	}
	options, err := k.options(ctx, after)
	if err != nil {
		return err
	}
	spec := *options.Spec
	if k.awaitsProgram(ctx, after, options) {
		// The runtime's own program replaces it, so that everything else is tried.
		spec.Command, spec.Args = "/proc/self/exe", nil
	}
	// The network namespace of its own has no interfaces.
	spec.Sysctls = maps.Clone(spec.Sysctls)
	maps.DeleteFunc(spec.Sysctls, func(name, _ string) bool { return netns.OfInterface(name) })
	spec.TTY = false // which needs a log
	options.Spec = &spec
	remove, err := standIn(&options)
	if err != nil {
		return err
	}
	defer remove()
	options.ID = resource.Shorten("try_"+after.Status.ContainerID, resource.MaxContainerID)
	options.Labels = map[string]string{plan.LabelTrial: string(after.Path)}
	options.CgroupPath = trialCgroup(options.ID)
	options.NetNSPath = ""
	for i, m := range options.Mounts {
		if _, err := os.Stat(m.Source); err != nil && m.Type == "bind" {
			options.Mounts[i].Source = os.DevNull // a file of kuke's own that is made later
		}
	}
	return errors.Join(task.Try(ctx, k.executor.containerd, after.Status.Namespace, options), k.executor.cgroups.Remove(options.CgroupPath))
}

// standIn replaces sources of mounts that are only created with the container by an empty directory, and returns the function that
// removes it.
func standIn(o *spec.Options) (remove func(), err error) {
	remove = func() {}
	var empty string
	volumes := slices.Clone(o.Spec.Volumes)
	for i, v := range volumes {
		if _, err := os.Stat(v.Source); !v.CreateHostPath || !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if empty == "" {
			if empty, err = os.MkdirTemp("", "kuke-try-"); err != nil {
				return remove, err
			}
			remove = func() { os.RemoveAll(empty) }
		}
		volumes[i].Source = empty
	}
	if empty != "" {
		with := *o.Spec
		with.Volumes = volumes
		o.Spec = &with
	}
	return remove, nil
}

// awaitsProgram reports whether a container that waits for others may find its program in a volume only then.
func (k containerKind) awaitsProgram(ctx context.Context, after *state.Record, options spec.Options) (awaited bool) {
	var cell *resource.Cell
	if r := k.executor.store.Record(after.Path.Parent()); r != nil {
		cell = r.Spec.(*resource.Cell)
	}
	if len(options.Spec.Volumes) == 0 || preflight.Alone(options.Spec, cell) {
		return false
	}
	_, err := image.View(ctx, k.executor.containerd, after.Status.Namespace, options.Image, func(root string, config ocispec.ImageConfig) (err error) {
		p := preflight.Image{Root: root, Name: options.Image, Config: config, Foreign: true}
		_, awaited, err = p.Look(options.Spec)
		return err
	})
	return awaited && err == nil
}

// TidyUp removes the leftovers of killed kuke commands from the host, and nothing of running ones. The caller holds the
// lock of the state, and has read it.
func (e *Executor) TidyUp(ctx context.Context) error {
	return errors.Join(e.containerd.TidyUp(ctx, func(dir string) error { return exec.EndSessions(ctx, e.containerd, dir) }), e.removeTrials(ctx), e.tidyVolumes(), vitals.TidyUp())
}

// removeTrials removes the containers that were being tried when kuke was killed. The caller holds the lock of the state,
// so that nobody tries one in its realms now.
func (e *Executor) removeTrials(ctx context.Context) error {
	namespaces, err := e.containerd.Namespaces(ctx)
	if err != nil {
		return err
	}
	for name, labels := range namespaces {
		if r := e.store.Record(resource.Path(labels[plan.LabelPath])); r == nil || r.Status.Namespace != name {
			continue
		}
		ids, err := containers.Labelled(ctx, e.containerd, name, plan.LabelTrial)
		if err != nil {
			return err
		}
		for _, id := range ids {
			after, cancel := context.WithTimeout(client.Detached(ctx), cleanUpTimeout)
			err := errors.Join(task.Remove(after, e.containerd, name, id), e.cgroups.Remove(trialCgroup(id)))
			cancel()
			if err != nil {
				return err
			}
		}
	}
	return nil
}
