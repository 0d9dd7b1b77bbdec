package session

import (
	"context"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// refreshOnly is the source of a plan that takes the host as it is into the state.
type refreshOnly struct{ project string }

func (refreshOnly) prepare(context.Context, *world) error { return nil }

func (refreshOnly) values() (*resource.Tree, resource.SealKey) { return nil, nil }

// Of a plan, be it of nothing, tasks that are about to start are waited for.
func (refreshOnly) wanted(*state.State) *resource.Tree { return resource.NewTree() }

func (refreshOnly) look(ctx context.Context, w *world, desired *resource.Tree) (*plan.Actual, error) {
	return w.exec.Refresh(ctx, desired, w.prior)
}

func (a refreshOnly) decide(_ context.Context, w *world, _ *resource.Tree, actual *plan.Actual) (*plan.Plan, resource.Diagnostics, error) {
	made := planner.RefreshOnly(w.prior, actual)
	made.Project, made.KeptOutputs = a.project, w.prior.Outputs[a.project]
	return made, nil, nil
}
