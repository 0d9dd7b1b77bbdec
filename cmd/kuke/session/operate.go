package session

import (
	"context"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Operate carries out an operation on the recorded resources at its paths.
func (s *Session) Operate(ctx context.Context, o planner.Operation, run RunOptions) error {
	return s.operate(ctx, o, run, func(prior *state.State) ([]resource.Path, error) {
		return o.Paths, CheckRecorded(prior, o.Paths...)
	})
}

// Shutdown carries out an operation on the containers of the project, or of all projects and none.
func (s *Session) Shutdown(ctx context.Context, o planner.Operation, allProjects bool, run RunOptions) error {
	if !allProjects {
		if _, err := s.FindProject(config.Input{}); err != nil {
			return err
		}
	}
	return s.operate(ctx, o, run, func(prior *state.State) ([]resource.Path, error) {
		s.noteOthers(prior)
		return planner.OwnedContainers(prior, func(project string) bool { return allProjects || project == s.project.name }), nil
	})
}

// operate carries out an operation on the resources that find finds in the state.
func (s *Session) operate(ctx context.Context, o planner.Operation, run RunOptions, find func(*state.State) ([]resource.Path, error)) error {
	if o.Action != plan.Start {
		return s.run(ctx, &operation{o, find}, run)
	}
	options := planner.Options{ByHand: true, Start: true, SubnetPool: s.SubnetPool}
	return s.run(ctx, &records{session: s, options: options, find: func(prior *state.State, options *planner.Options) (_ *resource.Tree, err error) {
		options.Targets, err = find(prior)
		return planner.Recorded(prior, options.Targets), err
	}}, run)
}

// operation is the source of a plan that changes the tasks of containers, and none of their attributes.
type operation struct {
	planner.Operation
	find func(*state.State) ([]resource.Path, error)
}

func (o *operation) prepare(_ context.Context, w *world) (err error) {
	o.Paths, err = o.find(w.prior)
	return err
}

func (o *operation) values() (*resource.Tree, resource.SealKey) { return nil, nil }

func (o *operation) wanted(*state.State) *resource.Tree { return nil }

func (o *operation) look(ctx context.Context, w *world, _ *resource.Tree) (*plan.Actual, error) {
	return w.exec.Tasks(ctx, w.prior)
}

func (o *operation) decide(_ context.Context, w *world, _ *resource.Tree, actual *plan.Actual) (*plan.Plan, resource.Diagnostics, error) {
	made, diags := planner.Operate(w.prior, actual, o.Operation)
	return made, diags, nil
}

// CheckRecorded makes sure that all paths are recorded.
func CheckRecorded(prior *state.State, paths ...resource.Path) error {
	for _, p := range paths {
		if prior.Records[p] == nil {
			return prior.Missing(p)
		}
	}
	return nil
}
