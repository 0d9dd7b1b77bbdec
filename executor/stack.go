package executor

import (
	"context"

	"github.com/kukeon/kuke/planner/state"
)

// stackKind makes stacks, which are a cgroup.
type stackKind struct{ *Executor }

func (k stackKind) create(_ context.Context, after *state.Record) error {
	if err := k.makeCgroup(after); err != nil {
		return err
	}
	return k.record(after, true)
}

func (k stackKind) update(_ context.Context, _, after *state.Record) error {
	if err := k.makeCgroup(after); err != nil {
		return err
	}
	return k.record(after, false)
}

func (k stackKind) remove(_ context.Context, before *state.Record) error {
	if err := k.cgroups.Remove(before.Status.Cgroup); err != nil {
		return err
	}
	return k.store.Delete(before.Path)
}
