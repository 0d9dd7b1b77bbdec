package main

import (
	"context"
	"fmt"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/state"
)

// addSurgery adds to the options what the blocks moved, removed and import of a configuration say.
func (a *app) addSurgery(ctx context.Context, exec *executor.Executor, w *wanted, prior *state.State, o *planner.Options) error {
	for _, m := range w.Moved {
		o.Moves = append(o.Moves, planner.Move{From: m.From, To: m.To, Declared: m.Declared})
	}
	for _, r := range w.Removed {
		o.Removals = append(o.Removals, planner.Removal{From: r.From, Forget: !r.Destroy, Declared: r.Declared})
	}
	for _, i := range w.Imports {
		if prior.Records[i.To] != nil {
			continue // it has been imported
		}
		record, err := a.toImport(ctx, exec, i, w.Tree, prior)
		if err != nil {
			return fmt.Errorf("%s: import %s: %w", i.Declared, i.To, err)
		}
		o.Imports = append(o.Imports, planner.Import{Record: record})
	}
	return nil
}

// toImport returns the record of a container that is to be imported. What the configuration holds to be sensitive is so
// where it was found, too.
func (a *app) toImport(ctx context.Context, exec *executor.Executor, i config.Import, desired *resource.Tree, prior *state.State) (*state.Record, error) {
	if err := planner.CheckImport(prior, i.To, "", i.ID); err != nil {
		return nil, err
	}
	var sensitive map[string]bool
	if want := desired.Resource(i.To); want != nil {
		sensitive = want.Sensitive
	}
	record, _, err := a.foreign(ctx, exec, prior, i.To, i.ID, sensitive)
	return record, err
}
