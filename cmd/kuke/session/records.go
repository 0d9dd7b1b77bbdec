package session

import (
	"context"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// records is the source of a plan for recorded resources: those of a project that is destroyed, or those that a command names.
type records struct {
	session *Session
	options planner.Options
	// find completes the options, and returns the resources as they are to be: nil to destroy.
	find func(prior *state.State, o *planner.Options) (*resource.Tree, error)
	tree *resource.Tree
}

func (r *records) prepare(_ context.Context, w *world) (err error) {
	r.tree, err = r.find(w.prior, &r.options)
	return err
}

// No value of the records is sealed: they are sealed already, and those of kuke create can't be sensitive.
func (r *records) values() (*resource.Tree, resource.SealKey) { return nil, nil }

func (r *records) wanted(prior *state.State) *resource.Tree {
	return planner.Wanted(r.tree, prior, r.options)
}

func (r *records) look(ctx context.Context, w *world, desired *resource.Tree) (*plan.Actual, error) {
	return look(ctx, w, desired, r.options)
}

func (r *records) decide(ctx context.Context, w *world, desired *resource.Tree, actual *plan.Actual) (*plan.Plan, resource.Diagnostics, error) {
	return r.session.decide(ctx, w, desired, actual, r.options)
}

// look looks at the host, or takes it to be as it is recorded.
func look(ctx context.Context, w *world, desired *resource.Tree, o planner.Options) (*plan.Actual, error) {
	if o.Assume {
		return w.exec.Assume(ctx, desired, w.prior)
	}
	return w.exec.Refresh(ctx, desired, w.prior)
}

// decide plans the way to the desired resources, unless it finds lost records: then it returns no plan.
func (s *Session) decide(ctx context.Context, w *world, desired *resource.Tree, actual *plan.Actual, o planner.Options) (*plan.Plan, resource.Diagnostics, error) {
	known := len(w.prior.Records)
	if err := s.restore(ctx, w, planner.LostWithCells(desired, w.prior, actual, o)); err != nil || len(w.prior.Records) > known {
		return nil, nil, err
	}
	made, diags := planner.New(desired, w.prior, actual, o)
	return made, diags, nil
}
