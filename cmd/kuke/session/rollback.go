package session

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
	"github.com/kukeon/kuke/planner/state/history"
)

// rollback is the source of a plan back to the configuration that the history has recorded after an entry.
type rollback struct {
	records
	number uint64
	// given is a configuration with the sensitive values, nil for none. Nothing else of it counts.
	given *configuration
}

// rollback reads the configuration of the history, and the one with the sensitive values if one is named.
func (s *Session) rollback(ctx context.Context, o PlanOptions) (source, error) {
	log := history.New(s.RunPath)
	entry, err := log.Find(o.Rollback)
	if err != nil {
		return nil, err
	}
	if entry.Project == "" {
		return nil, fmt.Errorf("entry %d of the history is %s, which applied no configuration. Name an entry of a project: kuke history lists them", o.Rollback, entry.Command)
	}
	back, err := log.Configuration(o.Rollback)
	if errors.Is(err, history.ErrNotKept) && entry.Outcome == history.Unfinished {
		return nil, fmt.Errorf("entry %d of the history has no end: its command was killed before it could record its configuration. Name another entry: kuke history lists them", o.Rollback)
	}
	if err != nil {
		return nil, err
	}
	if s.Project != "" && s.Project != back.Project {
		return nil, fmt.Errorf("entry %d of the history belongs to project %s, but --project or KUKE_PROJECT says %s", o.Rollback, back.Project, s.Project)
	}
	s.project = project{name: back.Project}
	if err := s.Report(incompleteBefore(entry)); err != nil {
		return nil, err
	}
	o.Project = back.Project
	if o.Outputs = back.Outputs; o.Outputs == nil {
		o.Outputs = map[string]*state.Output{} // there were none
	}
	r := &rollback{number: o.Rollback, records: records{session: s, options: o.Options, find: func(*state.State, *planner.Options) (*resource.Tree, error) {
		return back.Tree(), nil
	}}}
	if len(o.Input.Paths)+len(o.Input.Assignments) > 0 {
		c, err := s.Read(ctx, o.Input)
		if err != nil {
			return nil, err
		}
		r.given = &configuration{Configuration: c, session: s, input: o.Input}
	}
	return r, nil
}

// incompleteBefore warns of a configuration that was applied in part.
func incompleteBefore(entry *history.Entry) (ds resource.Diagnostics) {
	if entry.Outcome != history.Complete {
		ds.Warnf(resource.Range{}, "", "Rollback to a part of a configuration", "Entry %d of the history is %s: this goes back to the part of its configuration that was applied.", entry.Number, entry.Outcome)
	}
	return ds
}

func (r *rollback) prepare(ctx context.Context, w *world) error {
	if err := r.records.prepare(ctx, w); err != nil {
		return err
	}
	// Secrets have the values that their sources have now.
	return w.exec.Seal(r.tree)
}

func (r *rollback) values() (*resource.Tree, resource.SealKey) {
	if r.given == nil || r.given.Pending {
		return nil, nil
	}
	return r.given.Tree, nil
}

func (r *rollback) decide(ctx context.Context, w *world, desired *resource.Tree, actual *plan.Actual) (*plan.Plan, resource.Diagnostics, error) {
	made, diags, err := r.records.decide(ctx, w, desired, actual)
	if made == nil {
		return nil, diags, err
	}
	if r.given != nil && r.given.Pending {
		return nil, nil, r.given.readAgain(ctx, made, w.prior)
	}
	made.Rollback = r.number
	if err := w.exec.Provide(made); err != nil && made.NeedsValues() {
		return nil, nil, r.needed(made)
	}
	return made, diags, nil
}

// needed is the error about sensitive values that going back takes, and that neither the state nor the history has.
func (r *rollback) needed(p *plan.Plan) error {
	names := neededValues(p)
	const most = 10
	if n := len(names) - most; n > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", n))
	}
	what := strings.Join(names, ", ")
	if r.given != nil {
		return fmt.Errorf("going back to entry %d of the history takes the sensitive values of that time, and the configuration given has others or none: %s. Pass the configuration and the variables of that time", r.number, what)
	}
	return fmt.Errorf("going back to entry %d of the history takes sensitive values, which kuke never records: %s. Pass the configuration and the variables of that time: kuke plan --rollback %[1]d -f FILE", r.number, what)
}

// neededValues names the sensitive values that the plan needs, each with the first of its containers and the number of the others.
func neededValues(p *plan.Plan) (names []string) {
	of := map[string][]resource.Path{}
	var leaves []string
	for _, c := range p.Changes {
		for _, leaf := range c.Needs() {
			if leaf.Top.Name == "secrets" {
				continue
			}
			if of[leaf.Name] == nil {
				leaves = append(leaves, leaf.Name)
			}
			of[leaf.Name] = append(of[leaf.Name], c.Path)
		}
	}
	for _, leaf := range leaves {
		name := fmt.Sprintf("%s of container %s", leaf, of[leaf][0])
		switch others := len(of[leaf]) - 1; {
		case others == 1:
			name += " and 1 other"
		case others > 1:
			name += fmt.Sprintf(" and %d others", others)
		}
		names = append(names, name)
	}
	return names
}
