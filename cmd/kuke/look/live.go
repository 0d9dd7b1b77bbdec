package look

import (
	"context"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Live returns the records as the host has them. If the host can't be asked, unknown says why, and all are Unknown.
func Live(ctx context.Context, s *session.Session, store *state.Store, st *state.State, records []*state.Record) (live []plan.Live, unknown error) {
	actual, unknown := actual(ctx, s, store, st)
	states := planner.States(st, actual)
	live = make([]plan.Live, 0, len(records))
	for _, r := range records {
		live = append(live, *states[r.Path])
	}
	return live, unknown
}

func actual(ctx context.Context, s *session.Session, store *state.Store, st *state.State) (*plan.Actual, error) {
	exec, err := s.Open(ctx, store)
	if err != nil {
		return nil, err
	}
	defer exec.Close()
	return exec.Refresh(ctx, nil, st)
}
