package session

import (
	"context"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/review"
)

// review adds the hazards and the cost to a plan, with estimates from the durations of earlier applies. A saved plan keeps those of its planning.
func (s *Session) review(ctx context.Context, w *world, made *plan.Plan, actual *plan.Actual) error {
	if made.Cost != nil {
		return nil
	}
	in := review.Input{Plan: made, Prior: w.prior, Actual: actual, Facts: w.exec.Facts(ctx, made, actual)}
	if ctx.Err() != nil {
		return ErrInterrupted
	}
	durations := w.store.Durations()
	in.Estimate = func(op plan.Op, p resource.Path) (time.Duration, bool) { return durations.Estimate(string(op), p) }
	made.Hazards, made.Cost = review.Hazards(in), review.Cost(in)
	return nil
}
