package session

import (
	"context"
	"fmt"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner/state"
)

// Realm returns the state for the named realm, which needs no record: the state knows its containerd namespace.
func (s *Session) Realm(name string) (*state.Store, *state.State, error) {
	if err := resource.CheckName(name); err != nil {
		return nil, nil, fmt.Errorf("--realm: %w", err)
	}
	return s.State()
}

// WithImages calls fn with an executor and the containerd namespace of the named realm. Images have no record: it takes no lock
// to import or to remove them.
func (s *Session) WithImages(ctx context.Context, realm string, fn func(e *executor.Executor, namespace string) error) error {
	store, st, err := s.Realm(realm)
	if err != nil {
		return err
	}
	exec, err := s.Open(ctx, store)
	if err != nil {
		return err
	}
	defer exec.Close()
	exec.KnowRealms(st)
	return fn(exec, st.Namespace(resource.Path(realm), nil))
}
