package executor

import (
	"context"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/etc"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// RecordAgain writes the records that were made from [Executor.Evidence], which are in prior. No task is touched; only the
// files that the containers of a cell see in /etc are written again. A repetition continues an interrupted one.
func (e *Executor) RecordAgain(prior *state.State, records []*state.Record) error {
	if slices.ContainsFunc(records, func(r *state.Record) bool { return slices.ContainsFunc(resource.Leaves(r.Spec), resource.Leaf.Sealed) }) {
		if err := e.secrets.SaveKey(); err != nil {
			return err
		}
	}
	names := plan.NamesOf(prior)
	for _, r := range records {
		if err := e.store.Put(r); err != nil {
			return err
		}
		if r.Path.Kind() != resource.KindCell || r.Status.Attachment == nil {
			continue
		}
		if err := etc.Write(e.store, r, names); err != nil {
			return err
		}
	}
	return e.store.Commit()
}

// Evidence returns the resources that prior lacks as the labels, names and files of the host tell them, at and below the
// lost paths, or all where lost is empty. It changes nothing.
func (e *Executor) Evidence(ctx context.Context, prior *state.State, lost []resource.Path) (*plan.Evidence, error) {
	return e.observer().Evidence(ctx, prior, lost)
}
