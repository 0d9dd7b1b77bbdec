package executor

import (
	"context"

	"github.com/kukeon/kuke/executor/internal/attachment"
	"github.com/kukeon/kuke/planner/state"
)

// spaceKind makes spaces: a cgroup, and a network with its bridge, its CNI configuration and its firewall.
type spaceKind struct{ executor *Executor }

func (k spaceKind) create(_ context.Context, after *state.Record) error { return k.make(after, true) }

func (k spaceKind) update(_ context.Context, _, after *state.Record) error {
	return k.make(after, false)
}

func (k spaceKind) make(after *state.Record, created bool) error {
	if err := k.executor.makeCgroup(after); err != nil {
		return err
	}
	r := *after
	if n := after.Status.Network; n != nil {
		wanted, err := attachment.OfSpace(after)
		if err != nil {
			return err
		}
		made := *n
		if made.Firewall, err = k.executor.networks.Create(wanted); err != nil {
			return err
		}
		r.Status.Network = &made
	}
	return k.executor.record(&r, created)
}

func (k spaceKind) remove(_ context.Context, before *state.Record) error {
	if before.Status.Network != nil {
		wanted, err := attachment.OfSpace(before)
		if err != nil {
			return err
		}
		if err := k.executor.networks.Remove(wanted); err != nil {
			return err
		}
	}
	if err := k.executor.cgroups.Remove(before.Status.Cgroup); err != nil {
		return err
	}
	return k.executor.store.Delete(before.Path)
}
