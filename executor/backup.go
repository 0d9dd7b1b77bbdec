package executor

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kukeon/kuke/executor/internal/volume"
	"github.com/kukeon/kuke/planner/state"
)

// BackupVolume writes the data of a recorded volume as a tar. The cgroups, those of the cells that use the volume, are frozen
// meanwhile, and thawed however this process ends. warn is told of files that are left out.
func (e *Executor) BackupVolume(ctx context.Context, r *state.Record, cgroups []string, w io.Writer, warn func(string)) (err error) {
	dir, err := e.dataOf(r)
	if err != nil {
		return fmt.Errorf("back up volume %s: %w", r.Path, err)
	}
	thaw, err := e.cgroups.Freeze(ctx, cgroups)
	if err != nil {
		return fmt.Errorf("back up volume %s: %w", r.Path, err)
	}
	defer func() { err = errors.Join(err, thaw()) }()
	if err := volume.Backup(ctx, dir, w, warn); err != nil {
		return fmt.Errorf("back up volume %s: %w", r.Path, err)
	}
	return nil
}

// RestoreVolume replaces the data of a recorded volume, which no running container mounts, by that of a tar.
func (e *Executor) RestoreVolume(ctx context.Context, r *state.Record, from io.Reader) error {
	dir, err := e.dataOf(r)
	if err == nil {
		err = volume.Restore(ctx, from, dir)
	}
	if err != nil {
		return fmt.Errorf("restore volume %s, whose data is unchanged: %w", r.Path, err)
	}
	if r.Status.Volume.Filled && r.Status.Volume.Carried == nil {
		return nil
	}
	return e.filled(r)
}

// dataOf returns the directory with the data of a volume.
func (e *Executor) dataOf(r *state.Record) (string, error) {
	if dir := e.store.VolumeData(r); dir != "" {
		return dir, nil
	}
	return "", errors.New("its data is in a file system of its own, which only containers mount. Mount it on this host, and copy it from there")
}
