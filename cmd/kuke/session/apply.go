package session

import (
	"context"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// PlanOptions select the plan for a project.
type PlanOptions struct {
	// Input is the configuration. Only its project counts for RefreshOnly and for [planner.Options.Destroy].
	Input config.Input
	// RefreshOnly records changes that were made outside of kuke, and changes nothing else.
	RefreshOnly bool
	// Rollback is the number of the entry of the history whose configuration is planned, 0 for none. Input then only has
	// sensitive values of it.
	Rollback uint64
	// Options are those that the user has chosen. The session adds the project, the pool, and the blocks and outputs of the
	// configuration.
	planner.Options
	// Rehearse rehearses the plan, where it is not nil.
	Rehearse *RehearseOptions
}

// Plan makes a plan without the lock: the state can change at once, which applying the saved plan then notices. The error is
// [ErrRehearsal] if the plan has failed its rehearsal.
func (s *Session) Plan(ctx context.Context, o PlanOptions) (*plan.Plan, error) {
	from, err := s.source(ctx, o)
	if err != nil {
		return nil, err
	}
	var made *plan.Plan
	err = s.withoutLock(ctx, func(w *world) (err error) {
		if made, err = s.plan(ctx, w, from); err != nil {
			return err
		}
		made.Diagnostics = s.warned // who reviews the plan, or applies it once it is saved, sees them too
		if o.Rehearse == nil {
			return nil
		}
		return s.rehearse(ctx, w, made, *o.Rehearse)
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// Apply plans, and carries out the plan. Errors of the input are found before the lock is taken.
func (s *Session) Apply(ctx context.Context, o PlanOptions, run RunOptions) error {
	from, err := s.source(ctx, o)
	if err != nil {
		return err
	}
	return s.run(ctx, from, run)
}

// ApplySaved carries out a saved plan.
func (s *Session) ApplySaved(ctx context.Context, p SavedPlan, run RunOptions) error {
	from, err := s.savedPlan(ctx, p)
	if err != nil {
		return err
	}
	return s.run(ctx, from, run)
}

// source reads the input of a plan for a project.
func (s *Session) source(ctx context.Context, o PlanOptions) (source, error) {
	o.SubnetPool = s.SubnetPool
	if o.Rollback > 0 {
		return s.rollback(ctx, o)
	}
	if !o.RefreshOnly && !o.Destroy {
		c, err := s.Read(ctx, o.Input)
		if err == nil {
			err = s.useProject(c.Project)
		}
		o.Project, o.Unnamed = s.project.name, s.project.unnamed
		return &configuration{Configuration: c, session: s, input: o.Input, options: o.Options}, err
	}
	if _, err := s.FindProject(o.Input); err != nil {
		return nil, err
	}
	if o.RefreshOnly {
		return refreshOnly{project: s.project.name}, nil
	}
	o.Project, o.Unnamed = s.project.name, s.project.unnamed
	return &records{session: s, options: o.Options, find: func(prior *state.State, o *planner.Options) (*resource.Tree, error) {
		o.Directory = s.project.directoryIn(prior)
		s.noteOthers(prior)
		return nil, nil
	}}, nil
}
