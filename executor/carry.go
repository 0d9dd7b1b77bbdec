package executor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/volume"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// carry stops a container that is replaced, and copies its files into the volumes that the plan says. After a crash it goes on, or begins
// again: the container with the files is removed later. Should it fail, the container runs again.
func (k containerKind) carry(ctx context.Context, c *plan.Change) error {
	if len(c.Carried) == 0 {
		return nil
	}
	exit, err := k.stop(ctx, c.Before, nil)
	if err != nil {
		return err
	}
	for _, carried := range c.Carried {
		if err = k.executor.carryInto(ctx, c.Before, carried); err != nil {
			err = fmt.Errorf("copy %s of container %s into volume %s: %w", carried.From, c.Path, carried.To, err)
			break
		}
	}
	if err != nil && !exit.At.IsZero() {
		after, cancel := context.WithTimeout(client.Detached(ctx), cleanUpTimeout)
		defer cancel()
		err = errors.Join(err, k.start(after, c.Before))
	}
	return err
}

// carryInto copies files of a stopped container into a volume. A copy of the same container that no container has mounted is made again:
// the container may have run since.
func (e *Executor) carryInto(ctx context.Context, from *state.Record, carried plan.Carried) error {
	r := e.store.Record(carried.To)
	if r == nil {
		return errors.New("the volume is not recorded")
	}
	dir := e.store.VolumeData(r)
	again := r.Status.Volume.CopiedFrom(from)
	if again {
		if err := volume.Clear(dir); err != nil {
			return err
		}
	}
	empty, err := volume.IsEmpty(dir)
	if err != nil {
		return err
	}
	if empty && !again {
		r = r.WithVolume(func(v *state.Volume) { v.Carried = from.Status.CreatedAt })
		if err := e.store.Put(r); err != nil {
			return err
		}
	}
	if err := volume.Carry(ctx, e.containerd, from.Status.Namespace, from.Status.ContainerID, carried.From, dir); err != nil {
		return err
	}
	return e.fill(r, r.Status.Volume.Carried)
}

// filled records that the volume takes content of no image any more, nor that of a container.
func (e *Executor) filled(r *state.Record) error { return e.fill(r, nil) }

func (e *Executor) fill(r *state.Record, carried *time.Time) error {
	return e.store.Put(r.WithVolume(func(v *state.Volume) { v.Filled, v.Carried = true, carried }))
}
