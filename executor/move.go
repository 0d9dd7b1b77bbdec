package executor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/containerd/errdefs"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/planner/state"
)

// Relabel records the resources as given, and has the labels of containerd say the same. Nothing that runs is touched.
func (e *Executor) Relabel(ctx context.Context, records []*state.Record) error {
	for _, r := range records {
		var err error
		switch r.Path.Kind() {
		case realm.KindRealm:
			err = e.runtime.EnsureNamespace(ctx, r.Status.Namespace, labels(r))
		case realm.KindContainer:
			err = e.runtime.SetLabels(ctx, r.Status.Namespace, r.Status.ContainerID, labels(r), nil)
		}
		if err != nil && !errdefs.IsNotFound(err) { // the next plan finds what is missing
			return err
		}
		if err := e.store.Put(r); err != nil {
			return err
		}
	}
	return nil
}

// Rename records a container, which is the first of the records, by its new path, and the others as given. Its log goes
// along. Done again, it goes on where it was cut short.
func (e *Executor) Rename(ctx context.Context, from realm.Path, records []*state.Record) error {
	if err := e.Relabel(ctx, records); err != nil {
		return err
	}
	to := records[0].Path
	for _, log := range e.store.LogFiles(from) {
		err := os.Rename(log, e.store.LogFile(to)+strings.TrimPrefix(log, e.store.LogFile(from)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("rename the log of %s: %w", from, err)
		}
	}
	return e.store.Forget(from)
}

// forget takes our labels off a container, which goes on as it is, and then its record away.
func (e *Executor) forget(ctx context.Context, r *state.Record) error {
	var ours []string
	for key := range labels(r) {
		if strings.HasPrefix(key, "kukeon.io/") {
			ours = append(ours, key)
		}
	}
	err := e.runtime.SetLabels(ctx, r.Status.Namespace, r.Status.ContainerID, nil, ours)
	if err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	return e.store.Forget(r.Path)
}
