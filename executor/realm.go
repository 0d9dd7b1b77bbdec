package executor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/cgroup"
	"github.com/kukeon/kuke/executor/internal/namespace"
	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// realmKind makes realms: a containerd namespace and a cgroup.
type realmKind struct{ executor *Executor }

func (k realmKind) create(ctx context.Context, after *state.Record) error {
	if err := k.make(ctx, after, labels(after)); err != nil {
		return err
	}
	return k.executor.record(after, true)
}

func (k realmKind) make(ctx context.Context, after *state.Record, labels map[string]string) error {
	labels[plan.LabelKept] = "" // an earlier destroy may have kept it
	if err := namespace.Ensure(ctx, k.executor.containerd, after.Status.Namespace, labels); err != nil {
		return err
	}
	k.executor.top.Lock()
	defer k.executor.top.Unlock()
	return k.executor.makeCgroup(after)
}

func (k realmKind) update(ctx context.Context, before, after *state.Record) error {
	set, remove := labelChange(before, after)
	for _, key := range remove {
		set[key] = "" // an empty value removes the label of a namespace
	}
	if err := k.make(ctx, after, set); err != nil {
		return err
	}
	return k.executor.record(after, false)
}

// remove removes a realm. Its containerd namespace stays if it holds images, with nothing else.
func (k realmKind) remove(ctx context.Context, before *state.Record) error {
	kept := map[string]string{plan.LabelPath: string(before.Path), plan.LabelProject: before.Status.Project, plan.LabelKept: plan.KeptImages}
	for key := range resource.LabelsOf(before.Spec) {
		kept[key] = ""
	}
	if err := namespace.Release(ctx, k.executor.containerd, before.Status.Namespace, kept); err != nil {
		return err
	}
	return k.removeRest(before)
}

// removeWithImages removes a realm and the images in its containerd namespace.
func (k realmKind) removeWithImages(ctx context.Context, before *state.Record) error {
	if err := namespace.Remove(ctx, k.executor.containerd, before.Status.Namespace); err != nil {
		return err
	}
	return k.removeRest(before)
}

// removeRest removes all of a realm but its containerd namespace.
func (k realmKind) removeRest(before *state.Record) error {
	if err := k.executor.cgroups.Remove(before.Status.Cgroup); err != nil {
		return err
	}
	if err := k.removeTop(); err != nil {
		return err
	}
	netns.RemoveDir()
	return k.executor.store.Delete(before.Path)
}

// removeTop removes the common parent of all realms' cgroups with the last of them. It may be missing: after a reboot, or
// when another realm is removed at the same time.
func (k realmKind) removeTop() error {
	k.executor.top.Lock()
	defer k.executor.top.Unlock()
	left, err := k.executor.cgroups.Children(cgroup.Top)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || len(left) > 0 {
		return err
	}
	if err := k.executor.cgroups.Remove(cgroup.Top); err != nil {
		return fmt.Errorf("remove the cgroup of all realms: %w", err)
	}
	return nil
}
