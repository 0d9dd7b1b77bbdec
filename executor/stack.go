package executor

import (
	"context"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/planner/state"
)

// levelKind makes spaces, stacks and cells, which are a cgroup each. (The network namespace of a cell comes
// and goes with its root container.)
type levelKind struct{ *Executor }

func (k levelKind) create(_ context.Context, after *state.Record) error {
	if err := k.cgroups.Create(after.Status.Cgroup, realm.ResourcesOf(after.Spec)); err != nil {
		return err
	}
	return k.record(after, true)
}

func (k levelKind) update(_ context.Context, _, after *state.Record) error {
	if err := k.cgroups.Create(after.Status.Cgroup, realm.ResourcesOf(after.Spec)); err != nil {
		return err
	}
	return k.record(after, false)
}

func (k levelKind) remove(_ context.Context, before *state.Record) error {
	if err := k.cgroups.Remove(before.Status.Cgroup); err != nil {
		return err
	}
	return k.store.Delete(before.Path)
}
