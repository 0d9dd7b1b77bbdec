package session

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"reflect"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/executor/vitals"
	"github.com/kukeon/kuke/planner/state"
)

// readState reads the state where its index has changed, or was not read for some time, and connects to containerd.
func (k *healthKeeper) readState(ctx context.Context) error {
	store := state.NewStore(k.session.RunPath)
	info, err := os.Stat(store.IndexFile())
	if errors.Is(err, fs.ErrNotExist) {
		info, err = nil, nil
	}
	if err != nil {
		return err
	}
	if k.exec != nil && sameIndex(k.index, info) && time.Since(k.readAt) < rereadAfter {
		return nil
	}
	st, err := store.Read()
	if err != nil {
		return err
	}
	k.index, k.readAt = info, time.Now()
	k.watch(st)
	if err := k.keep(ctx, st.Lineage); err != nil {
		return err
	}
	if k.exec == nil {
		host, err := k.session.connect(ctx)
		if err != nil {
			return err
		}
		k.exec = host.With(store)
	}
	k.store = store
	return nil
}

func sameIndex(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// watch notes the containers with checks that the state records. One that has been replaced begins again.
func (k *healthKeeper) watch(st *state.State) {
	for p := range k.watched {
		if r := st.Records[p]; r == nil || executor.Checkable(r) == nil {
			delete(k.watched, p)
			k.changed = true
		}
	}
	for p, r := range st.Records {
		if p.Kind() != resource.KindContainer {
			continue
		}
		check := executor.Checkable(r)
		if check == nil {
			continue
		}
		w := k.watched[p]
		if w == nil {
			w = &watchedContainer{}
			k.watched[p] = w
		}
		if w.check != nil && !reflect.DeepEqual(w.check, check) && w.health != nil {
			w.next, w.restart = time.Now(), restartState{}
		}
		w.record, w.check = r, check
	}
}

// keep takes the right to publish for the lineage, which another process may have until it ends. A state without records has no
// lineage.
func (k *healthKeeper) keep(ctx context.Context, lineage string) error {
	if lineage == k.lineage && k.keeper != nil || lineage == "" {
		return nil
	}
	if k.keeper != nil {
		if err := k.keeper.Close(); err != nil {
			return err
		}
		k.keeper = nil
	}
	keeper, err := vitals.Keep(ctx, lineage, func() {
		k.tell("", "waiting for another process that keeps the health of these containers up")
	})
	if err != nil {
		return err
	}
	k.keeper, k.lineage, k.changed = keeper, lineage, true
	return nil
}
