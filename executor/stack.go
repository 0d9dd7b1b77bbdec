package executor

import (
	"context"

	"github.com/kukeon/kuke/planner/state"
)

// stackKind makes stacks, which are a cgroup.
type stackKind struct{ executor *Executor }

func (k stackKind) create(_ context.Context, after *state.Record) error {
	if err := k.executor.makeCgroup(after); err != nil {
		return err
	}
	return k.executor.record(after, true)
}

func (k stackKind) update(_ context.Context, _, after *state.Record) error {
	if err := k.executor.makeCgroup(after); err != nil {
		return err
	}
	return k.executor.record(after, false)
}

func (k stackKind) remove(_ context.Context, before *state.Record) error {
	if err := k.executor.cgroups.Remove(before.Status.Cgroup); err != nil {
		return err
	}
	return k.executor.store.Delete(before.Path)
}
