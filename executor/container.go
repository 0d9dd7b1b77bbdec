package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/bind"
	"github.com/kukeon/kuke/executor/internal/cgroup"
	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/configs"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/etc"
	"github.com/kukeon/kuke/executor/internal/logs"
	"github.com/kukeon/kuke/executor/internal/monitor"
	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/executor/internal/reaper"
	"github.com/kukeon/kuke/executor/internal/secrets"
	"github.com/kukeon/kuke/executor/internal/spec"
	"github.com/kukeon/kuke/executor/internal/task"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// cleanUpTimeout limits the cleanup after a failed step, whose own context may have ended.
const cleanUpTimeout = 5 * time.Minute

// containerKind makes containers and runs their tasks.
type containerKind struct{ executor *Executor }

// options returns the options to create the container with.
func (k containerKind) options(ctx context.Context, after *state.Record) (spec.Options, error) {
	wanted := after.Spec.(*resource.Container)
	limits, err := k.executor.cgroups.ContainerResources(resource.ResourcesOf(wanted), false)
	if err != nil {
		return spec.Options{}, err
	}
	plain, err := k.executor.secrets.Unseal(after.Path, wanted)
	if err != nil {
		return spec.Options{}, err
	}
	plain, mounts, err := k.executor.mountVolumes(ctx, after.Path, plain)
	if err != nil {
		return spec.Options{}, err
	}
	kept, err := json.Marshal(wanted)
	if err != nil {
		return spec.Options{}, fmt.Errorf("create container %s: %w", after.Path, err)
	}
	init, err := k.init(wanted)
	if err != nil {
		return spec.Options{}, fmt.Errorf("create container %s: its init: %w", after.Path, err)
	}
	o := spec.Options{
		Init: init, ID: after.Status.ContainerID, Image: wanted.Image, Labels: labels(after), Spec: plain,
		Annotations: map[string]string{plan.LabelPath: string(after.Path)}, Record: kept,
		CgroupPath: after.Status.Cgroup, UnifiedCgroup: k.executor.cgroups.Mode() == cgroup.V2, Resources: limits,
		Mounts: slices.Concat(etc.Mounts(k.executor.store, after), configs.Mounts(k.executor.store, after), secrets.Mounts(after), mounts),
	}
	err = k.join(&o, after.Path.Parent())
	return o, err
}

// join gives the container the names and the network of its cell.
func (k containerKind) join(o *spec.Options, cell resource.Path) (err error) {
	attached := &state.Attachment{}
	if r := k.executor.store.Record(cell); r != nil && r.Status.Attachment != nil {
		attached = r.Status.Attachment
	}
	o.Hostname, err = etc.Hostname(cell, attached)
	o.Domainname, o.NetNSPath, o.HostNetwork = attached.Domainname, netns.Path(k.executor.cellID(cell)), attached.OnHost()
	return err
}

// init returns the init of a container, or "" for none.
func (k containerKind) init(c *resource.Container) (string, error) {
	if !c.Init {
		return "", nil
	}
	return reaper.Find(k.executor.containerd.LogProgram)
}

func (k containerKind) create(ctx context.Context, after *state.Record) error {
	spec := after.Spec.(*resource.Container)
	cell := after.Path.Parent()
	if err := k.executor.store.MakeDir(after.Path); err != nil {
		return err
	}
	if err := k.executor.fillVolumes(ctx, after); err != nil {
		return err
	}
	options, err := k.options(ctx, after)
	if err != nil {
		return err
	}
	remove, err := k.prepareSources(after, &options)
	if err != nil {
		return err
	}
	defer remove()
	if err := k.executor.mountCarried(after); err != nil {
		return err
	}
	if err := containers.Create(ctx, k.executor.containerd, after.Status.Namespace, options); err != nil {
		return err
	}
	err = k.writeFiles(ctx, after)
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

// prepareSources creates and labels the sources of the container's mounts. A lab must not do that with directories of its host: a
// container that it does not start gets others, until remove is called.
func (k containerKind) prepareSources(after *state.Record, o *spec.Options) (remove func(), err error) {
	if k.executor.withheld(after) {
		return standIn(o)
	}
	return func() {}, errors.Join(bind.Prepare(o.Spec), bind.Label(o.Spec, after.Status.ContainerID))
}

// cell returns the kind that makes and removes the network namespace of a cell.
func (k containerKind) cell() cellKind { return cellKind{executor: k.executor} }

// run starts the task of a container, and has containerd watch it as its restart policy says.
func (k containerKind) run(ctx context.Context, after *state.Record) error {
	if k.executor.withheld(after) {
		return nil
	}
	log := k.executor.store.LogFile(after.Path)
	if err := logs.ForgetExit(log); err != nil {
		return err
	}
	if err := logs.WriteSettings(log, logs.SettingsOf(after.Path, after.Spec.(*resource.Container))); err != nil {
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

// runsOnce reports whether the exit of the container is noted beside its log, since it is never restarted.
func runsOnce(r *state.Record) bool { return monitor.Never(r.Spec.(*resource.Container).RestartPolicy) }

// watch has containerd apply the restart policy of the container, unless the user has stopped or paused it: the monitor of
// containerd 1.6 replaces a paused task by a running one.
func (k containerKind) watch(ctx context.Context, after *state.Record) error {
	policy := after.Spec.(*resource.Container).RestartPolicy
	if after.Status.Run != "" {
		policy = ""
	}
	return monitor.Set(ctx, k.executor.containerd, after.Status.Namespace, after.Status.ContainerID, policy, k.executor.store.LogFile(after.Path))
}

// undo removes everything that a failed create has made.
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
	} else {
		err = k.resetSysctls(r)
	}
	return errors.Join(err, k.executor.secrets.Remove(r), configs.Remove(k.executor.store, r), k.executor.cgroups.Remove(r.Status.Cgroup))
}

// start starts an existing container. A root container reuses the network namespace of its cell, unless that was lost, for
// example in a reboot.
func (k containerKind) start(ctx context.Context, after *state.Record) error {
	if after.Spec.(*resource.Container).Root {
		cell := after.Path.Parent()
		if _, err := netns.PinInode(netns.Path(k.executor.cellID(cell))); errors.Is(err, fs.ErrNotExist) {
			if err := k.cell().open(ctx, cell); err != nil {
				return err
			}
		}
	}
	if err := k.writeFiles(ctx, after); err != nil {
		return err
	}
	if err := k.prepare(ctx, after); err != nil {
		return err
	}
	// The limits in containerd may come from another version of kuke, or from a time when the host could enforce others.
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

// prepare updates the settings that the next task of a container takes from the host. Those of an imported container belong
// to its maker.
func (k containerKind) prepare(ctx context.Context, r *state.Record) error {
	if !k.executor.withheld(r) {
		if err := bind.Prepare(r.Spec.(*resource.Container)); err != nil {
			return err
		}
	}
	if r.Status.Imported {
		return nil
	}
	c := r.Spec.(*resource.Container)
	init, err := k.init(c)
	if err != nil {
		return fmt.Errorf("start container %s: its init: %w", r.Path, err)
	}
	return task.Prepare(ctx, k.executor.containerd, r.Status.Namespace, r.Status.ContainerID, c, init)
}

// adopt records an existing container, after it has set the labels and limits that an update in place could have set.
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
	k.executor.cgroups.Inherit(after.Status.Cgroup, limits)
	if err := k.executor.cgroups.Delegate(path.Dir(after.Status.Cgroup)); err != nil {
		return err
	}
	if err := k.executor.cgroups.MakeRoom(after.Status.Cgroup, resource.ResourcesOf(after.Spec)); err != nil {
		return err
	}
	return task.UpdateResources(ctx, k.executor.containerd, after.Status.Namespace, after.Status.ContainerID, limits)
}

// limited reports whether the container has limits, configured or not.
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
	if err := k.writeFiles(ctx, after); err != nil {
		return err
	}
	if err := logs.WriteSettings(k.executor.store.LogFile(after.Path), logs.SettingsOf(after.Path, after.Spec.(*resource.Container))); err != nil {
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
	// The container is removed last: after a crash its labels tell which other parts there were.
	if err := k.removeHostParts(ctx, before); err != nil {
		return err
	}
	if err := task.Remove(ctx, k.executor.containerd, before.Status.Namespace, before.Status.ContainerID); err != nil {
		return err
	}
	return k.executor.store.Delete(before.Path)
}
