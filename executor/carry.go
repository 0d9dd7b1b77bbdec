package executor

import (
	"context"
	"fmt"

	"github.com/kukeon/kuke/executor/internal/volume"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// carry stops a container that is replaced, and copies its files into the volumes that the plan says. After a crash it goes on, or begins
// again: the container with the files is removed later.
func (k containerKind) carry(ctx context.Context, c *plan.Change) error {
	if len(c.Carried) == 0 {
		return nil
	}
	if _, err := k.stop(ctx, c.Before, nil); err != nil {
		return err
	}
	for _, carried := range c.Carried {
		r := k.executor.store.Record(carried.To)
		if r == nil {
			return fmt.Errorf("container %s: volume %s is not recorded", c.Path, carried.To)
		}
		if err := volume.Carry(ctx, k.executor.containerd, c.Before.Status.Namespace, c.Before.Status.ContainerID, carried.From, k.executor.store.VolumeData(r)); err != nil {
			return fmt.Errorf("copy %s of container %s into volume %s: %w", carried.From, c.Path, carried.To, err)
		}
		if err := k.executor.filled(r); err != nil {
			return err
		}
	}
	return nil
}

// filled records that the volume takes content of no image any more.
func (e *Executor) filled(r *state.Record) error {
	filled := *r
	status := *r.Status.Volume
	status.Filled = true
	filled.Status.Volume = &status
	return e.store.Put(&filled)
}
