package look

import (
	"context"
	"fmt"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner/state"
)

// Images lists the images of a realm. One that isn't recorded may have some, imported before its first apply; when it has
// none, its name may as well be misspelt, and a note says so.
func Images(ctx context.Context, s *session.Session, realm string) ([]executor.Image, error) {
	store, st, err := s.Realm(realm)
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
	store, st, err := s.Realm(realm)
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
