package executor

import (
	"context"
	"errors"
	"time"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/executor/internal/cgroup"
	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/executor/internal/runtime"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/state"
)

// cleanUpTimeout bounds the removal of what a failed step had made, for which the step's own context may be
// over already.
const cleanUpTimeout = 30 * time.Second

// containerKind makes containers and runs their tasks.
type containerKind struct{ *Executor }

func (k containerKind) create(ctx context.Context, after *state.Record) error {
	spec := after.Spec.(*realm.Container)
	cell := after.Path.Parent()
	if err := k.store.MakeDir(after.Path); err != nil {
		return err
	}
	limits, err := k.cgroups.ContainerResources(realm.ResourcesOf(spec), false)
	if err != nil {
		return err
	}
	err = k.runtime.Create(ctx, after.Status.Namespace, runtime.CreateOptions{
		ID: after.Status.ContainerID, Image: spec.Image, Labels: labels(after), Spec: spec,
		Annotations: map[string]string{planner.LabelPath: string(after.Path)}, Hostname: cell.Name(),
		CgroupPath: after.Status.Cgroup, UnifiedCgroup: k.cgroups.Mode() == cgroup.V2,
		NetNSPath: netnsPath(cell), Resources: limits,
	})
	if err != nil {
		return err
	}
	if err := k.run(ctx, after); err != nil {
		return errors.Join(err, k.undo(ctx, after))
	}
	return k.record(after, true)
}

// run starts the task of a container, a root container's in a network namespace that is made for it.
func (k containerKind) run(ctx context.Context, after *state.Record) error {
	if after.Spec.(*realm.Container).Root {
		if err := netns.Create(netnsPath(after.Path.Parent())); err != nil {
			return err
		}
	}
	return k.runtime.Start(ctx, after.Status.Namespace, after.Status.ContainerID, k.store.LogFile(after.Path))
}

// undo takes away what a failed create has made.
func (k containerKind) undo(ctx context.Context, after *state.Record) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	err := k.runtime.Remove(ctx, after.Status.Namespace, after.Status.ContainerID)
	return errors.Join(err, k.removeHostParts(after), k.store.Delete(after.Path))
}

func (k containerKind) removeHostParts(r *state.Record) error {
	var err error
	if r.Spec.(*realm.Container).Root {
		err = netns.Remove(netnsPath(r.Path.Parent()))
	}
	return errors.Join(err, k.cgroups.Remove(r.Status.Cgroup))
}

func (k containerKind) start(ctx context.Context, after *state.Record) error {
	if err := k.run(ctx, after); err != nil {
		return err
	}
	return k.record(after, false)
}

func (k containerKind) stop(ctx context.Context, before *state.Record) error {
	spec := before.Spec.(*realm.Container)
	grace := time.Duration(spec.StopTimeout()) * time.Second
	return k.runtime.Stop(ctx, before.Status.Namespace, before.Status.ContainerID, spec.StopSignal, grace)
}

// adopt records a container that is there, after giving it the labels and limits that a change in place could have
// given it.
func (k containerKind) adopt(ctx context.Context, after *state.Record) error {
	if err := k.runtime.SetLabels(ctx, after.Status.Namespace, after.Status.ContainerID, labels(after), nil); err != nil {
		return err
	}
	if err := k.limit(ctx, after); err != nil {
		return err
	}
	return k.record(after, true)
}

func (k containerKind) limit(ctx context.Context, after *state.Record) error {
	limits, err := k.cgroups.ContainerResources(realm.ResourcesOf(after.Spec), true)
	if err != nil {
		return err
	}
	return k.runtime.UpdateResources(ctx, after.Status.Namespace, after.Status.ContainerID, limits)
}

func (k containerKind) update(ctx context.Context, before, after *state.Record) error {
	set, remove := labelChange(before, after)
	if err := k.runtime.SetLabels(ctx, after.Status.Namespace, after.Status.ContainerID, set, remove); err != nil {
		return err
	}
	if *realm.ResourcesOf(before.Spec) != *realm.ResourcesOf(after.Spec) || before.Status.Limits != nil {
		if err := k.limit(ctx, after); err != nil {
			return err
		}
	}
	return k.record(after, false)
}

func (k containerKind) remove(ctx context.Context, before *state.Record) error {
	if err := k.stop(ctx, before); err != nil {
		return err
	}
	// The container goes last: while it is there its labels tell, after a crash, what else there was.
	if err := k.removeHostParts(before); err != nil {
		return err
	}
	if err := k.runtime.Remove(ctx, before.Status.Namespace, before.Status.ContainerID); err != nil {
		return err
	}
	return k.store.Delete(before.Path)
}
