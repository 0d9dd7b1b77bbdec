package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/cgroup"
	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/etc"
	"github.com/kukeon/kuke/executor/internal/logs"
	"github.com/kukeon/kuke/executor/internal/monitor"
	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/executor/internal/secrets"
	"github.com/kukeon/kuke/executor/internal/spec"
	"github.com/kukeon/kuke/executor/internal/task"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// cleanUpTimeout bounds the removal of what a failed step had made, for which the step's own context may be
// over already.
const cleanUpTimeout = 5 * time.Minute

// containerKind makes containers and runs their tasks.
type containerKind struct{ executor *Executor }

// options returns what a container is made from.
func (k containerKind) options(after *state.Record) (spec.Options, error) {
	wanted := after.Spec.(*resource.Container)
	cell := after.Path.Parent()
	limits, err := k.executor.cgroups.ContainerResources(resource.ResourcesOf(wanted), false)
	if err != nil {
		return spec.Options{}, err
	}
	plain, err := k.executor.secrets.Unseal(after.Path, wanted)
	if err != nil {
		return spec.Options{}, err
	}
	kept, err := json.Marshal(wanted)
	if err != nil {
		return spec.Options{}, fmt.Errorf("create container %s: %w", after.Path, err)
	}
	return spec.Options{
		ID: after.Status.ContainerID, Image: wanted.Image, Labels: labels(after), Spec: plain,
		Annotations: map[string]string{plan.LabelPath: string(after.Path)}, Record: kept, Hostname: cell.Name(),
		CgroupPath: after.Status.Cgroup, UnifiedCgroup: k.executor.cgroups.Mode() == cgroup.V2,
		NetNSPath: netnsPath(k.executor.cellID(cell)), Resources: limits, Mounts: append(etc.Mounts(k.executor.store, after), secrets.Mounts(after)...),
	}, nil
}

func (k containerKind) create(ctx context.Context, after *state.Record) error {
	spec := after.Spec.(*resource.Container)
	cell := after.Path.Parent()
	if err := k.executor.store.MakeDir(after.Path); err != nil {
		return err
	}
	options, err := k.options(after)
	if err != nil {
		return err
	}
	if err := containers.Create(ctx, k.executor.containerd, after.Status.Namespace, options); err != nil {
		return err
	}
	err = k.writeSecrets(ctx, after)
	if err == nil && spec.Root {
		err = k.cell().open(ctx, cell)
	}
	if err == nil {
		err = k.run(ctx, after)
	}
	if err != nil {
		return errors.Join(err, k.undo(ctx, after))
	}
	return k.executor.record(after, true)
}

// cell returns what makes and ends the network namespace of a cell.
func (k containerKind) cell() cellKind { return cellKind{executor: k.executor} }

// run starts the task of a container, and has containerd watch over it as its restart policy says.
func (k containerKind) run(ctx context.Context, after *state.Record) error {
	log := k.executor.store.LogFile(after.Path)
	if err := logs.ForgetExit(log); err != nil {
		return err
	}
	start := task.Start
	if runsOnce(after) {
		start = task.StartOnce
	}
	if err := start(ctx, k.executor.containerd, after.Status.Namespace, after.Status.ContainerID, log); err != nil {
		return k.executor.explain(after, err)
	}
	if policy := after.Spec.(*resource.Container).RestartPolicy; policy == "" || policy == "no" {
		return nil
	}
	return k.watch(ctx, after)
}

// runsOnce reports whether the end of the container is noted beside its log: nobody starts it again.
func runsOnce(r *state.Record) bool { return r.Spec.(*resource.Container).RestartPolicy == "no" }

// watch has containerd keep to the restart policy of the container, unless the user has stopped or paused it: the monitor of
// containerd 1.6 ends a paused task for one that runs.
func (k containerKind) watch(ctx context.Context, after *state.Record) error {
	policy := after.Spec.(*resource.Container).RestartPolicy
	if after.Status.Run != "" {
		policy = ""
	}
	return monitor.Set(ctx, k.executor.containerd, after.Status.Namespace, after.Status.ContainerID, policy, k.executor.store.LogFile(after.Path))
}

// undo takes away what a failed create has made.
func (k containerKind) undo(ctx context.Context, after *state.Record) error {
	ctx, cancel := context.WithTimeout(client.Detached(ctx), cleanUpTimeout)
	defer cancel()
	err := task.Remove(ctx, k.executor.containerd, after.Status.Namespace, after.Status.ContainerID)
	return errors.Join(err, k.removeHostParts(ctx, after), k.executor.store.Delete(after.Path))
}

func (k containerKind) removeHostParts(ctx context.Context, r *state.Record) error {
	var err error
	if r.Spec.(*resource.Container).Root {
		err = k.cell().close(ctx, r.Path.Parent())
	}
	return errors.Join(err, k.executor.secrets.Remove(r), k.executor.cgroups.Remove(r.Status.Cgroup))
}

// start runs a container that is there. A root container finds the network namespace of its cell as it left it, unless
// that is gone, as after a reboot.
func (k containerKind) start(ctx context.Context, after *state.Record) error {
	if after.Spec.(*resource.Container).Root {
		cell := after.Path.Parent()
		if _, err := netns.PinInode(netnsPath(k.executor.cellID(cell))); errors.Is(err, fs.ErrNotExist) {
			if err := k.cell().open(ctx, cell); err != nil {
				return err
			}
		}
	}
	if err := k.writeSecrets(ctx, after); err != nil {
		return err
	}
	if err := k.prepare(ctx, after); err != nil {
		return err
	}
	// What containerd has of its limits may be from another kuke, or from when the host could enforce others.
	if *resource.ResourcesOf(after.Spec) != (resource.Resources{}) {
		if err := k.limit(ctx, after); err != nil {
			return err
		}
	}
	if err := k.run(ctx, after); err != nil {
		return err
	}
	return k.executor.record(after, false)
}

// prepare brings the settings of a container that its next task takes from the host up to date. Those of an imported
// container are whoever's who made it.
func (k containerKind) prepare(ctx context.Context, r *state.Record) error {
	if r.Status.Imported {
		return nil
	}
	return task.Prepare(ctx, k.executor.containerd, r.Status.Namespace, r.Status.ContainerID, r.Spec.(*resource.Container))
}

// adopt records a container that is there, after giving it the labels and limits that a change in place could have
// given it.
func (k containerKind) adopt(ctx context.Context, after *state.Record) error {
	if err := k.executor.mark(ctx, after, nil); err != nil {
		return err
	}
	if err := k.limit(ctx, after); err != nil {
		return err
	}
	score := after.Spec.(*resource.Container).OOMScoreAdj
	if err := task.SetOOMScoreAdj(ctx, k.executor.containerd, after.Status.Namespace, after.Status.ContainerID, score); err != nil {
		return err
	}
	if err := k.watch(ctx, after); err != nil {
		return err
	}
	return k.executor.record(after, true)
}

func (k containerKind) limit(ctx context.Context, after *state.Record) error {
	limits, err := k.executor.cgroups.ContainerResources(resource.ResourcesOf(after.Spec), true)
	if err != nil {
		return err
	}
	if err := k.executor.cgroups.Delegate(path.Dir(after.Status.Cgroup)); err != nil {
		return err
	}
	if err := k.executor.cgroups.MakeRoom(after.Status.Cgroup, resource.ResourcesOf(after.Spec)); err != nil {
		return err
	}
	return task.UpdateResources(ctx, k.executor.containerd, after.Status.Namespace, after.Status.ContainerID, limits)
}

// limited reports whether the container has limits, asked for or not.
func (k containerKind) limited(r *state.Record) (bool, error) {
	if r.Status.Limits != nil {
		return true, nil
	}
	limits, err := k.executor.cgroups.Limits(r.Status.Cgroup)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return limits != (resource.Resources{}), err
}

func (k containerKind) update(ctx context.Context, before, after *state.Record) error {
	_, remove := labelChange(before, after)
	if err := k.executor.mark(ctx, after, remove); err != nil {
		return err
	}
	if image := after.Spec.(*resource.Container).Image; image != before.Spec.(*resource.Container).Image {
		if err := containers.SetImage(ctx, k.executor.containerd, after.Status.Namespace, after.Status.ContainerID, image); err != nil {
			return err
		}
	}
	limited, err := k.limited(before)
	if err != nil {
		return err
	}
	if limited || *resource.ResourcesOf(before.Spec) != *resource.ResourcesOf(after.Spec) {
		if err := k.limit(ctx, after); err != nil {
			return err
		}
	}
	score := after.Spec.(*resource.Container).OOMScoreAdj
	if err := task.SetOOMScoreAdj(ctx, k.executor.containerd, after.Status.Namespace, after.Status.ContainerID, score); err != nil {
		return err
	}
	if err := k.writeSecrets(ctx, after); err != nil {
		return err
	}
	if err := k.watch(ctx, after); err != nil {
		return err
	}
	return k.executor.record(after, false)
}

func (k containerKind) remove(ctx context.Context, before *state.Record) error {
	if _, err := k.stop(ctx, before, nil); err != nil {
		return err
	}
	// The container goes last: while it is there its labels tell, after a crash, what else there was.
	if err := k.removeHostParts(ctx, before); err != nil {
		return err
	}
	if err := task.Remove(ctx, k.executor.containerd, before.Status.Namespace, before.Status.ContainerID); err != nil {
		return err
	}
	return k.executor.store.Delete(before.Path)
}
