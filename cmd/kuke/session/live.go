package session

import (
	"context"

	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Live returns the records as the host has them. If the host can't be asked, unknown says why, and all are Unknown.
func (s *Session) Live(ctx context.Context, store *state.Store, st *state.State, records []*state.Record) (live []plan.Live, unknown error) {
	actual, unknown := s.actual(ctx, store, st)
	states := planner.States(st, actual)
	live = make([]plan.Live, 0, len(records))
	for _, r := range records {
		live = append(live, *states[r.Path])
	}
	return live, unknown
}

func (s *Session) actual(ctx context.Context, store *state.Store, st *state.State) (*plan.Actual, error) {
	exec, err := s.Open(ctx, store)
	if err != nil {
		return nil, err
	}
	defer exec.Close()
	return exec.Refresh(ctx, nil, st)
}
