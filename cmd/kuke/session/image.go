package session

import (
	"context"
	"fmt"
	"time"

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

// PruneImages removes images of the named realm that no container needs: those that are named by their digest alone, and with all
// also those with a tag. approve is called with them, also where there are none, and tells whether to go on. It returns the number
// of bytes that the host has gained. It holds the lock: nobody makes a container from one of them meanwhile.
func (s *Session) PruneImages(ctx context.Context, realm string, all bool, lockTimeout time.Duration, approve func([]executor.Image) error) (reclaimed int64, err error) {
	if err := resource.CheckName(realm); err != nil {
		return 0, fmt.Errorf("--realm: %w", err)
	}
	err = s.withLock(ctx, lockTimeout, func(store *state.Store, st *state.State) error {
		exec, err := s.Open(ctx, store)
		if err != nil {
			return err
		}
		defer exec.Close()
		namespace := st.Namespace(resource.Path(realm), nil)
		unused, err := exec.UnusedImages(ctx, namespace, all)
		if err != nil {
			return err
		}
		if err := approve(unused); err != nil {
			return err
		}
		reclaimed, err = exec.PruneImages(ctx, namespace, unused)
		return err
	})
	return reclaimed, err
}
