package look

import (
	"context"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Drift compares the recorded resources with the host: it returns the changes that would repair the drift. Lost records are
// added to prior, as a plan does, and nothing is reported.
func Drift(ctx context.Context, s *session.Session, store *state.Store, prior *state.State) ([]*plan.Change, resource.Diagnostics, error) {
	exec, err := s.Open(ctx, store)
	if err != nil {
		return nil, nil, err
	}
	defer exec.Close()
	if lost := planner.Lost(prior); len(lost) > 0 {
		evidence, err := exec.Evidence(ctx, prior, lost)
		if err != nil {
			return nil, nil, err
		}
		records, _ := planner.Rebuild(prior, evidence, lost)
		for _, r := range records {
			prior.Records[r.Path] = r
		}
	}
	actual, err := exec.Refresh(ctx, nil, prior)
	if err != nil {
		return nil, nil, err
	}
	drift, diags := planner.Drift(prior, actual)
	return drift, diags, nil
}
