package main

import (
	"context"
	"strings"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/state"
)

// repairState reads the state with the lock held, and sets aside what of it can't be read.
func (a *app) repairState() (*state.Store, *state.State, error) {
	store := state.NewStore(a.runPath)
	st, err := store.Read()
	if err == nil {
		err = store.Repair(st, time.Now())
	}
	if err != nil {
		return nil, nil, err
	}
	return store, st, a.report(st.Warnings())
}

// reseal puts into prior the values whose key is lost, sealed with the new one. With the lock held it records them, too.
func (a *app) reseal(ctx context.Context, exec *executor.Executor, prior *state.State) error {
	records, err := exec.Reseal(ctx, prior)
	if err != nil || len(records) == 0 {
		return err
	}
	for _, r := range records {
		prior.Records[r.Path] = r
	}
	if !a.lockHeld {
		return nil
	}
	return exec.RecordAgain(prior, records)
}

// restoreAll restores what the state itself shows to be lost.
func (a *app) restoreAll(ctx context.Context, exec *executor.Executor, prior *state.State) error {
	if err := a.reseal(ctx, exec, prior); err != nil {
		return err
	}
	return a.restore(ctx, exec, prior, planner.Lost(prior))
}

// restore adds to prior the records at and below the lost paths, as far as the host tells of the resources. With the lock
// held it records them, too.
func (a *app) restore(ctx context.Context, exec *executor.Executor, prior *state.State, lost []resource.Path) error {
	if len(lost) == 0 {
		return nil
	}
	records, notes, err := exec.Recover(ctx, prior, lost)
	if err != nil || len(records) == 0 {
		return err
	}
	var found []string
	for _, r := range records {
		prior.Records[r.Path] = r
		found = append(found, r.Path.Kind().Lower()+" "+string(r.Path))
	}
	become := "The next apply records again what the host tells of"
	if a.lockHeld {
		if err := exec.RecordAgain(prior, records); err != nil {
			return err
		}
		become = "Recorded again, as the host tells"
	}
	var ds resource.Diagnostics
	ds.Warnf(resource.Range{}, "", "Lost records", "%s: %s.", become, strings.Join(found, ", "))
	for _, note := range notes {
		ds.Warnf(resource.Range{}, "", "Lost records", "%s.", note)
	}
	return a.report(ds)
}
