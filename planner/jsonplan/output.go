package jsonplan

import (
	"maps"

	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// outputsOf returns the outputs before and after a plan.
func outputsOf(p *plan.Plan) (before, after map[string]*state.Output) {
	before, after = map[string]*state.Output{}, map[string]*state.Output{}
	maps.Copy(before, p.KeptOutputs)
	maps.Copy(after, p.KeptOutputs)
	for _, c := range p.Outputs {
		if c.Before != nil {
			before[c.Name] = c.Before
		}
		if c.After != nil {
			after[c.Name] = c.After
		}
	}
	return before, after
}

// outputChanges returns the changes of all outputs, those too that stay as they are.
func outputChanges(p *plan.Plan) map[string]Change {
	all := map[string]Change{}
	for name, o := range p.KeptOutputs {
		all[name] = outputChange(actionNone, o, o)
	}
	for _, c := range p.Outputs {
		action := actionUpdate
		switch {
		case c.Before == nil:
			action = actionCreate
		case c.After == nil:
			action = actionDelete
		}
		all[c.Name] = outputChange(action, c.Before, c.After)
	}
	return all
}

// outputChange returns the change of an output. Nothing tells whether a sensitive value changes: it is not recorded.
func outputChange(action string, before, after *state.Output) Change {
	c := Change{Actions: []string{action}, AfterUnknown: false, BeforeSensitive: false, AfterSensitive: false}
	if before != nil {
		c.BeforeSensitive = before.Sensitive
		if !before.Sensitive && len(before.Value) > 0 {
			c.Before = before.Value
		}
	}
	if after != nil {
		c.AfterSensitive = after.Sensitive
		if !after.Sensitive && len(after.Value) > 0 {
			c.After = after.Value
		}
	}
	return c
}
