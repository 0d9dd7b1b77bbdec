package main

import (
	"time"

	"github.com/kukeon/kuke/planner/state"
)

// repairState reads the state with the lock held, and sets aside what of it can't be read.
func (a *app) repairState() (*state.Store, *state.State, error) {
	store := state.NewStore(a.runPath)
	st, warnings, err := store.Read()
	if err == nil {
		err = store.Repair(st, time.Now())
	}
	if err != nil {
		return nil, nil, err
	}
	return store, st, a.report(append(st.Warnings(), warnings...))
}
