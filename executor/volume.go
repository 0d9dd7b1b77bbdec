package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/volume"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// volumeKind makes volumes: a directory for their data, unless that is in a file system which containers mount.
type volumeKind struct{ executor *Executor }

func (k volumeKind) create(_ context.Context, after *state.Record) error {
	if err := k.make(after, new(resource.Volume)); err != nil {
		return err
	}
	return k.executor.record(after, true)
}

func (k volumeKind) update(_ context.Context, before, after *state.Record) error {
	r := after
	if k.executor.store.LacksVolumeData(after) {
		// This comes first: once there is a directory again, only the record tells that containers mount the former one.
		now := k.executor.now()
		r = after.WithVolume(func(v *state.Volume) { v.RemadeAt = &now })
		if err := k.executor.record(r, false); err != nil {
			return err
		}
	}
	if err := k.make(r, before.Spec.(*resource.Volume)); err != nil {
		return err
	}
	return k.executor.record(r, false)
}

// make makes the directory if it is missing, and gives it the owner and the mode that differ from those before.
func (k volumeKind) make(after *state.Record, before *resource.Volume) error {
	dir := k.executor.store.VolumeData(after)
	if dir == "" {
		return nil
	}
	wanted := after.Spec.(*resource.Volume)
	if wanted.Path == "" {
		made, err := k.executor.store.MakeVolumeData(after)
		if err != nil {
			return err
		}
		if made {
			before = new(resource.Volume)
		}
	} else if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return errors.Join(fmt.Errorf("create volume %s: %s is not a directory", after.Path, dir), err)
	}
	if err := own(dir, wanted, before); err != nil {
		return fmt.Errorf("create volume %s: %w", after.Path, err)
	}
	return nil
}

// own gives the directory of the data the owner, the group and the mode that the volume names and did not name before.
func own(dir string, wanted, before *resource.Volume) error {
	id := func(wanted, before *int64) int {
		if wanted == nil || before != nil && *before == *wanted {
			return -1 // which stays
		}
		return int(*wanted)
	}
	if uid, gid := id(wanted.UID, before.UID), id(wanted.GID, before.GID); uid >= 0 || gid >= 0 {
		if err := os.Chown(dir, uid, gid); err != nil {
			return err
		}
	}
	if wanted.Mode == "" || wanted.Mode == before.Mode {
		return nil
	}
	mode, err := strconv.ParseUint(wanted.Mode, 8, 32)
	if err != nil {
		return err
	}
	return os.Chmod(dir, volume.Mode(uint32(mode)))
}

func (k volumeKind) remove(_ context.Context, before *state.Record) error {
	dir := k.executor.store.VolumeData(before)
	if dir != "" && before.Spec.(*resource.Volume).Path == "" {
		if err := volume.CheckUnmounted(dir); err != nil {
			return fmt.Errorf("delete volume %s: %w", before.Path, err)
		}
		if err := errors.Join(volume.Discard(dir), k.executor.store.RemoveVolumeData(before)); err != nil {
			return err
		}
	}
	return k.executor.store.Delete(before.Path)
}

// tidyVolumes removes the files that killed commands have left beside the data of volumes. The caller holds the lock of the state.
func (e *Executor) tidyVolumes() (err error) {
	for _, r := range e.store.Records() {
		if r.Path.IsVolume() && e.store.VolumeData(r) != "" {
			err = errors.Join(err, volume.TidyUp(e.store.VolumeData(r)))
		}
	}
	return err
}

// NoteKept records since when the volumes are kept that the plan keeps.
func (e *Executor) NoteKept(p *plan.Plan) error {
	for _, kept := range p.Kept {
		have := e.store.Record(kept.Path)
		if have == nil || have.IsKept() {
			continue
		}
		now := e.now()
		if err := e.store.Put(have.WithVolume(func(v *state.Volume) { v.KeptSince = &now })); err != nil {
			return fmt.Errorf("record that volume %s is kept: %w", have.Path, err)
		}
	}
	return nil
}

// mountVolumes returns the spec of a container with the directories of its volumes in place of their paths, and the mounts of those
// that are file systems of their own.
func (e *Executor) mountVolumes(ctx context.Context, at resource.Path, wanted *resource.Container) (*resource.Container, []specs.Mount, error) {
	resolved := *wanted
	resolved.Volumes = nil
	var mounts []specs.Mount
	for _, m := range wanted.Volumes {
		if m.Volume == "" {
			resolved.Volumes = append(resolved.Volumes, m)
			continue
		}
		r := e.store.Record(resource.Path(m.Volume))
		if r == nil {
			return nil, nil, fmt.Errorf("container %s: volume %s is not recorded", at, m.Volume)
		}
		if opts := r.Spec.(*resource.Volume).DriverOpts; opts != nil {
			mount, err := volume.Mount(ctx, opts, m)
			if err != nil {
				return nil, nil, fmt.Errorf("container %s: volume %s: %w", at, m.Volume, err)
			}
			mounts = append(mounts, mount)
			continue
		}
		source, err := volume.Source(e.store.VolumeData(r), m.Subpath)
		if err != nil {
			return nil, nil, fmt.Errorf("container %s: volume %s: %w", at, m.Volume, err)
		}
		resolved.Volumes = append(resolved.Volumes, resource.VolumeMount{Source: source, Target: m.Target, ReadOnly: m.ReadOnly})
	}
	return &resolved, mounts, nil
}

// fillVolumes lets the new volumes that a container mounts take the content of the directories of its image.
func (e *Executor) fillVolumes(ctx context.Context, after *state.Record) error {
	spec := after.Spec.(*resource.Container)
	e.filling.Lock()
	defer e.filling.Unlock()
	for _, m := range spec.Volumes {
		r := e.store.Record(resource.Path(m.Volume))
		if m.Volume == "" || m.NoCopy || m.Subpath != "" || r == nil || r.Status.Volume.Filled {
			continue
		}
		if v := r.Spec.(*resource.Volume); v.Path == "" && v.DriverOpts == nil {
			dir := e.store.VolumeData(r)
			if err := volume.Fill(ctx, e.containerd, after.Status.Namespace, spec.Image, m.Target, dir); err != nil {
				return fmt.Errorf("fill volume %s from %s of image %s: %w", r.Path, m.Target, spec.Image, err)
			}
			if err := own(dir, v, new(resource.Volume)); err != nil {
				return fmt.Errorf("fill volume %s: %w", r.Path, err)
			}
		}
		if err := e.filled(r); err != nil {
			return err
		}
	}
	return nil
}

// mountCarried records that a container is created with its volumes: no files of a replaced container come into them any more.
func (e *Executor) mountCarried(after *state.Record) error {
	for _, p := range resource.VolumesOf(after.Spec) {
		if r := e.store.Record(p); r != nil && r.Status.Volume.Carried != nil {
			if err := e.filled(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// mountsBeyond says which volume of the container is on the host, and not below the state, or returns "".
func (e *Executor) mountsBeyond(spec *resource.Container) string {
	for _, p := range resource.VolumesOf(spec) {
		if r := e.store.Record(p); r != nil {
			if v := r.Spec.(*resource.Volume); v.Path != "" || v.DriverOpts != nil {
				return "its volume " + string(p) + " can't be isolated from this host"
			}
		}
	}
	return ""
}

// VolumeUse returns the directory and the size of the data of a recorded volume. It needs no connection to the host.
func VolumeUse(store *state.Store, r *state.Record) *plan.VolumeUse {
	use := &plan.VolumeUse{Dir: store.VolumeData(r), MountedBy: []resource.Path{}}
	if use.Dir == "" {
		return use
	}
	if dir, err := filepath.Abs(use.Dir); err == nil {
		use.Dir = dir
	}
	if size, err := volume.Size(use.Dir); err == nil {
		use.Bytes = &size
	}
	return use
}
