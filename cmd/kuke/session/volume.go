package session

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// VolumeBackup says how the data of a volume is backed up.
type VolumeBackup struct {
	LockTimeout time.Duration
	// Live leaves the processes that use the volume running: files may change while they are read.
	Live bool
	// Warn is told of each file that is left out.
	Warn func(string)
}

// BackupVolume writes the data of the volume at p to w, as a tar. With the lock held, no other command changes the volume meanwhile.
func (s *Session) BackupVolume(ctx context.Context, p resource.Path, w io.Writer, o VolumeBackup) error {
	return s.withVolume(ctx, p, o.LockTimeout, func(host *world, r *state.Record) error {
		users, err := runningUsers(ctx, host, p)
		if err != nil {
			return err
		}
		var cells []string
		for _, user := range users {
			if cell := host.prior.Records[user.Path.Parent()]; cell != nil && !o.Live && !slices.Contains(cells, cell.Status.Cgroup) {
				cells = append(cells, cell.Status.Cgroup)
			}
		}
		return host.exec.BackupVolume(ctx, r, cells, w, o.Warn)
	})
}

// RestoreVolume replaces the data of the volume at p by that of a tar.
func (s *Session) RestoreVolume(ctx context.Context, p resource.Path, from io.Reader, lockTimeout time.Duration) error {
	return s.withVolume(ctx, p, lockTimeout, func(host *world, r *state.Record) error {
		users, err := runningUsers(ctx, host, p)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			mounted := "volume " + string(p)
			if !slices.Contains(resource.VolumesOf(users[0].Spec), p) {
				mounted = "the data of " + mounted + " by another name"
			}
			return fmt.Errorf("container %s is running and mounts %s: stop it first, with: kuke stop %[1]s", users[0].Path, mounted)
		}
		return host.exec.RestoreVolume(ctx, r, from)
	})
}

func (s *Session) withVolume(ctx context.Context, p resource.Path, lockTimeout time.Duration, fn func(*world, *state.Record) error) error {
	if !p.IsVolume() {
		return fmt.Errorf("%s is the path of a %s, not of a volume: the last name of the path of a volume begins with @", p, p.Kind().Lower())
	}
	return s.withHost(ctx, lockTimeout, func(w *world) error {
		if err := CheckRecorded(w.prior, p); err != nil {
			return err
		}
		return fn(w, w.prior.Records[p])
	})
}

// runningUsers returns the records of the containers with processes that mount the volume, or a part of its directory by another name,
// sorted by their paths.
func runningUsers(ctx context.Context, w *world, p resource.Path) ([]*state.Record, error) {
	actual, err := w.exec.Tasks(ctx, w.prior)
	if err != nil {
		return nil, err
	}
	dir := w.store.VolumeData(w.prior.Records[p])
	var users []*state.Record
	for _, q := range w.prior.Paths() {
		r := w.prior.Records[q]
		if !slices.Contains(resource.VolumesOf(r.Spec), p) && !mountsWithin(w, r, dir) {
			continue
		}
		c := actual.Container(r.Status.Namespace, r.Status.ContainerID)
		if c != nil && c.Status != plan.TaskNone && c.Status != plan.TaskStopped {
			users = append(users, r)
		}
	}
	return users, nil
}

// mountsWithin reports whether a recorded container mounts the directory, or a file or directory in it: as another volume with its path,
// or as a path of the host.
func mountsWithin(w *world, r *state.Record, dir string) bool {
	spec, ok := r.Spec.(*resource.Container)
	if !ok || dir == "" {
		return false
	}
	return slices.ContainsFunc(spec.Volumes, func(m resource.VolumeMount) bool {
		source := m.Source
		if v := w.prior.Records[resource.Path(m.Volume)]; v != nil {
			if source = w.store.VolumeData(v); source != "" {
				source = filepath.Join(source, m.Subpath)
			}
		}
		if source == "" {
			return false
		}
		name, err := filepath.Rel(real(dir), real(source))
		return err == nil && filepath.IsLocal(name)
	})
}

// real returns the absolute path without symbolic links, as far as it exists.
func real(name string) string {
	if found, err := filepath.EvalSymlinks(name); err == nil {
		name = found
	}
	if abs, err := filepath.Abs(name); err == nil {
		name = abs
	}
	return name
}
