package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// rehearsalFlags are the flags of plan about its rehearsal.
type rehearsalFlags struct {
	wanted  bool
	timeout time.Duration
}

func (f *rehearsalFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.wanted, "rehearse", false, "rehearsal of the plan in a lab, before --out saves it")
	cmd.Flags().DurationVar(&f.timeout, "rehearse-timeout", session.DefaultRehearseTimeout, "maximum `time` for the rehearsal")
}

// options returns the options of the session, nil where no rehearsal is wanted. show prints the plan.
func (f *rehearsalFlags) options(a *app, show func(*plan.Plan) error, asJSON bool) (*session.RehearseOptions, error) {
	if !f.wanted {
		return nil, nil
	}
	if f.timeout <= 0 {
		return nil, fmt.Errorf("--rehearse-timeout: %s leaves no time for a rehearsal: use a time like %s", f.timeout, session.DefaultRehearseTimeout)
	}
	var progress *view.Progress
	o := &session.RehearseOptions{
		Timeout: f.timeout,
		Review: func(made *plan.Plan) error {
			if err := show(made); err != nil || asJSON || made.Empty() {
				return err
			}
			a.out.Rehearsing()
			progress = a.out.Progress(a.errs)
			progress.Begin(made, state.Durations{}, 1)
			return nil
		},
		Report: func(made *plan.Plan, r *plan.Rehearsal) error {
			if asJSON {
				a.messages().Rehearsal(r)
				return nil
			}
			a.out.Rehearsal(made, r)
			return nil
		},
	}
	if !asJSON {
		o.Observe = func(e plan.Event) { progress.Observe(e) }
	}
	return o, nil
}
