package session

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
	"github.com/kukeon/kuke/planner/state/history"
)

// changeState calls change with the state and the lock held, and writes the index of the state.
func (s *Session) changeState(ctx context.Context, lockTimeout time.Duration, change func(*state.Store, *state.State, announce) error) error {
	return s.withLock(ctx, lockTimeout, func(store *state.Store, st *state.State) error {
		return s.trailed(store, func(begin announce) error {
			if err := change(store, st, begin); err != nil {
				return err
			}
			return store.Commit()
		})
	})
}

// changeHost is changeState for a change of the host, too.
func (s *Session) changeHost(ctx context.Context, lockTimeout time.Duration, change func(*world, announce) error) error {
	return s.withHost(ctx, lockTimeout, func(w *world) error {
		return s.trailed(w.store, func(begin announce) error {
			if err := change(w, begin); err != nil {
				return err
			}
			return w.store.Commit()
		})
	})
}

// Recorded returns the recorded paths at and below scope, at least one.
func Recorded(st *state.State, scope resource.Path) ([]resource.Path, error) {
	paths := slices.DeleteFunc(st.Paths(), func(p resource.Path) bool { return !scope.Contains(p) })
	if len(paths) == 0 {
		return nil, st.Missing(scope)
	}
	return paths, nil
}

// Forget removes the records at and below scope from the state, once approve has seen their paths. The host stays as it is.
func (s *Session) Forget(ctx context.Context, scope resource.Path, lockTimeout time.Duration, approve func([]resource.Path) error) error {
	return s.changeState(ctx, lockTimeout, func(store *state.Store, st *state.State, begin announce) error {
		paths, err := Recorded(st, scope)
		if err != nil {
			return err
		}
		if err := approve(paths); err != nil {
			return err
		}
		if err := begin(history.Counts{doneWords[plan.OpForget]: len(paths)}); err != nil {
			return err
		}
		for _, p := range slices.Backward(paths) {
			if err := store.Forget(p); err != nil {
				return err
			}
		}
		return nil
	})
}

// Push replaces the recorded state with another one, which name names in errors. Without force it must be of the same lineage
// and not older.
func (s *Session) Push(ctx context.Context, name string, pushed *state.State, force bool, lockTimeout time.Duration) error {
	return s.changeState(ctx, lockTimeout, func(store *state.Store, st *state.State, begin announce) error {
		switch {
		case force || st.Lineage == "":
		case pushed.Lineage != st.Lineage:
			return fmt.Errorf("%s is of another state: its lineage is %s, that of this one %s: use --force to replace it all the same", name, pushed.Lineage, st.Lineage)
		case pushed.Serial < st.Serial:
			return fmt.Errorf("%s is older than the state: its serial is %d, that of the state %d: use --force to go back all the same", name, pushed.Serial, st.Serial)
		}
		if err := begin(history.Counts{doneWords[plan.OpRecord]: len(pushed.Records)}); err != nil {
			return err
		}
		return store.Replace(pushed)
	})
}

// RebuildIndex writes the index of the state from the manifests, and returns the number of resources.
func (s *Session) RebuildIndex(ctx context.Context, lockTimeout time.Duration) (resources int, err error) {
	err = s.changeState(ctx, lockTimeout, func(store *state.Store, st *state.State, _ announce) error {
		store.Rebuild()
		resources = len(st.Records)
		return nil
	})
	return resources, err
}

// Rebuilt is the result of [Session.Rebuild].
type Rebuilt struct {
	// Records are those that were recorded again, and Notes the attributes that the host does not tell.
	Records []*state.Record
	Notes   []string
	// Resources is the number of all resources in the state.
	Resources int
}

// Rebuild writes the index of the state, and records the resources that the host tells of and the state lacks.
func (s *Session) Rebuild(ctx context.Context, lockTimeout time.Duration) (r Rebuilt, err error) {
	err = s.changeHost(ctx, lockTimeout, func(w *world, begin announce) error {
		w.store.Rebuild()
		evidence, err := w.exec.Evidence(ctx, w.prior, nil)
		if err != nil {
			return err
		}
		r.Records, r.Notes = planner.Rebuild(w.prior, evidence, nil)
		if n := len(r.Records); n > 0 {
			if err := begin(history.Counts{doneWords[plan.OpRecord]: n}); err != nil {
				return err
			}
		}
		for _, record := range r.Records {
			w.prior.Records[record.Path] = record
		}
		r.Resources = len(w.prior.Records)
		return w.exec.RecordAgain(w.prior, r.Records)
	})
	return r, err
}
