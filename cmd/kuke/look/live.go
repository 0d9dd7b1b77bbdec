package look

import (
	"context"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Live returns the records as the host has them, with the health of containers that health finds. If the host can't be asked, unknown
// says why, and all are Unknown.
func Live(ctx context.Context, s *session.Session, store *state.Store, st *state.State, records []*state.Record, health *Health) (live []plan.Live, unknown error) {
	exec, unknown := s.Open(ctx, store)
	if unknown == nil {
		defer exec.Close()
	}
	var actual *plan.Actual
	if unknown == nil {
		actual, unknown = exec.Refresh(ctx, nil, st)
	}
	states := planner.States(st, actual)
	live = make([]plan.Live, 0, len(records))
	for _, r := range records {
		live = append(live, *states[r.Path])
	}
	if unknown == nil {
		unknown = health.add(ctx, exec, st.Lineage, live)
	}
	return live, unknown
}

// Healths returns the records with the health of the containers that run, as far as health finds it; others stay as recorded.
func Healths(ctx context.Context, s *session.Session, store *state.Store, st *state.State, records []*state.Record, health *Health) ([]*state.Record, error) {
	live, err := Live(ctx, s, store, st, records, health)
	now := make([]*state.Record, len(records))
	for i, l := range live {
		now[i] = records[i]
		if l.Health == nil {
			continue
		}
		r := *records[i]
		r.Status.Health = &state.Health{State: l.Health.State, Detail: l.Health.Detail, Output: l.Health.Output}
		now[i] = &r
	}
	return now, err
}
