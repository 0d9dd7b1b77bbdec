package session

import (
	"context"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
	"github.com/kukeon/kuke/planner/state/history"
)

// Rename gives a recorded resource another name within its parent. Its containers go on running.
func (s *Session) Rename(ctx context.Context, from, to resource.Path, lockTimeout time.Duration) error {
	return s.changeHost(ctx, lockTimeout, func(w *world, begin announce) error {
		moves, err := plan.RenameByHand(w.prior, from, to)
		if err != nil {
			return err
		}
		if err := begin(history.Counts{"moved": len(moves)}); err != nil {
			return err
		}
		return w.exec.Move(ctx, moves)
	})
}

// Take moves the recorded resources at and below p into the project of [Options.Project], and returns those that were in
// another one.
func (s *Session) Take(ctx context.Context, p resource.Path, lockTimeout time.Duration) (changed []*state.Record, err error) {
	err = s.changeHost(ctx, lockTimeout, func(w *world, begin announce) (err error) {
		if changed, err = w.prior.Take(p, s.Project); err != nil {
			return err
		}
		if n := len(changed); n > 0 {
			if err := begin(history.Counts{doneWords[plan.OpRecord]: n}); err != nil {
				return err
			}
		}
		return w.exec.Relabel(ctx, changed)
	})
	return changed, err
}
