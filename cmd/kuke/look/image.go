package look

import (
	"context"
	"fmt"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner/state"
)

// WithImages calls fn with an executor and the containerd namespace of the named realm, which needs no record.
func WithImages(ctx context.Context, s *session.Session, realm string, fn func(e *executor.Executor, namespace string) error) error {
	store, st, err := realmState(s, realm)
	if err != nil {
		return err
	}
	exec, err := s.Open(ctx, store)
	if err != nil {
		return err
	}
	defer exec.Close()
	return fn(exec, st.Namespace(resource.Path(realm), nil))
}

// realmState returns the state, which knows the containerd namespace of the named realm.
func realmState(s *session.Session, realm string) (*state.Store, *state.State, error) {
	if err := resource.CheckName(realm); err != nil {
		return nil, nil, fmt.Errorf("--realm: %w", err)
	}
	return s.State()
}

// Images lists the images of a realm. One that isn't recorded may have some, imported before its first apply; when it has
// none, its name may as well be misspelt, and a note says so.
func Images(ctx context.Context, s *session.Session, realm string) ([]executor.Image, error) {
	store, st, err := realmState(s, realm)
	if err != nil {
		return nil, err
	}
	images, err := imagesOf(ctx, s, store, st.Namespace(resource.Path(realm), nil))
	if err == nil && len(images) == 0 && st.Records[resource.Path(realm)] == nil {
		s.Reporter.Note(fmt.Sprintf("Realm %s is not recorded.", realm))
	}
	return images, err
}

// ImagesNow lists the images of a realm. If containerd can't be asked, unknown says why.
func ImagesNow(ctx context.Context, s *session.Session, realm string) (images []executor.Image, unknown, err error) {
	store, st, err := realmState(s, realm)
	if err != nil {
		return nil, nil, err
	}
	images, unknown = imagesOf(ctx, s, store, st.Namespace(resource.Path(realm), nil))
	return images, unknown, nil
}

// imagesOf lists the images of a namespace through a connection of its own: containerd may be another one than before.
func imagesOf(ctx context.Context, s *session.Session, store *state.Store, namespace string) ([]executor.Image, error) {
	exec, err := s.Open(ctx, store)
	if err != nil {
		return nil, err
	}
	defer exec.Close()
	return exec.Images(ctx, namespace)
}
