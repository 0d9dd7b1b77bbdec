package session

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// SavedPlan names a saved plan, and where its sensitive values come from.
type SavedPlan struct {
	File string
	// Input returns the configuration with the sensitive values, and is asked only if the plan needs one; nil for none.
	Input func() (config.Input, error)
	// Given are the flags about the configuration that the user has given: they are refused if the plan needs no value.
	Given []string
}

// LoadPlan reads a saved plan, and reports the warnings about its file.
func (s *Session) LoadPlan(file string) (*plan.Plan, error) {
	p, diags, err := plan.Load(file)
	if err != nil {
		return nil, err
	}
	return p, s.Report(diags)
}

// saved is the source that takes a saved plan as it is, if the state and the host still allow it.
type saved struct {
	session *Session
	made    *plan.Plan
	// given is the configuration with the sensitive values, nil for none.
	given *configuration
}

// savedPlan reads a saved plan, and the sensitive values that it takes from the configuration, if one is named.
func (s *Session) savedPlan(ctx context.Context, file SavedPlan) (source, error) {
	made, err := s.LoadPlan(file.File)
	if err != nil {
		return nil, err
	}
	from := &saved{session: s, made: made}
	if needed := made.NeedsValues(); !needed && len(file.Given) > 0 {
		return nil, fmt.Errorf("%s holds all that applying it takes, and no sensitive value of a configuration is missing: leave out %s", file.File, strings.Join(file.Given, ", "))
	} else if needed && file.Input != nil {
		in, err := file.Input()
		if err != nil {
			return nil, err
		}
		c, err := s.Read(ctx, in)
		if err != nil {
			return nil, err
		}
		from.given = &configuration{Configuration: c, session: s, input: in}
	}
	return from, nil
}

func (p *saved) prepare(ctx context.Context, w *world) error {
	if err := p.made.CheckFresh(w.prior); err != nil {
		return err
	}
	if p.given != nil && p.given.Pending {
		return p.given.readAgain(ctx, p.made, w.prior)
	}
	return nil
}

func (p *saved) values() (*resource.Tree, resource.SealKey) {
	if p.given == nil {
		return nil, p.made.Key
	}
	return p.given.Tree, p.made.Key
}

func (p *saved) wanted(*state.State) *resource.Tree { return p.made.Wants() }

func (p *saved) look(ctx context.Context, w *world, _ *resource.Tree) (*plan.Actual, error) {
	return w.exec.LookAgain(ctx, p.made, w.prior)
}

func (p *saved) decide(_ context.Context, w *world, _ *resource.Tree, actual *plan.Actual) (*plan.Plan, resource.Diagnostics, error) {
	if err := planner.CheckHost(p.made, w.prior, actual); err != nil {
		return nil, nil, err
	}
	// Its warnings are about files that may have changed since: without snippets.
	news := slices.DeleteFunc(slices.Clone(p.made.Diagnostics), func(d resource.Diagnostic) bool { return slices.Contains(p.session.warned, d) })
	p.session.Reporter.Diagnostics(news, nil)
	return p.made, nil, nil
}
