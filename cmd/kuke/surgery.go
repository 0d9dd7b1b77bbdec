package main

import (
	"context"
	"fmt"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/realm"
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

// toImport returns the record of a container that is to be imported.
func (a *app) toImport(ctx context.Context, exec *executor.Executor, i config.Import, desired *realm.Tree, prior *state.State) (*state.Record, error) {
	if err := planner.CheckImport(prior, i.To, "", i.ID); err != nil {
		return nil, err
	}
	found, err := exec.Inspect(ctx, prior.Namespace(i.To, nil), i.ID, i.To.Parent())
	if err != nil {
		return nil, err
	}
	if err := planner.CheckImportLabels(i.To, i.ID, found.Labels); err != nil {
		return nil, err
	}
	spec, _, err := written(i.To, i.ID, found)
	if err != nil {
		return nil, err
	}
	// What the configuration holds to be sensitive is so where it was found, too.
	if want := desired.Resource(i.To); want != nil {
		tree := realm.NewTree()
		r := &realm.Resource{Path: i.To, Spec: spec, Sensitive: want.Sensitive}
		tree.Add(r)
		if err := exec.Seal(tree); err != nil {
			return nil, err
		}
		spec = r.Spec.(*realm.Container)
	}
	return planner.Imported(prior, i.To, i.ID, a.project, spec, found.ImageDigest, found.CreatedAt), nil
}
