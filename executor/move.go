package executor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/etc"
	"github.com/kukeon/kuke/executor/internal/namespace"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Relabel records the resources as given, and has the labels of containerd say the same. Nothing that runs is touched.
func (e *Executor) Relabel(ctx context.Context, records []*state.Record) error {
	for _, r := range records {
		var err error
		switch r.Path.Kind() {
		case resource.KindRealm:
			err = namespace.Ensure(ctx, e.containerd, r.Status.Namespace, labels(r))
		case resource.KindContainer:
			err = e.mark(ctx, r, nil)
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

// Move records resources by their new paths, and the others of the records as given. Their files and logs go along, and what
// follows from their names changes in place: /etc/hosts of cells, and the specs that the next tasks are made from. All that runs
// goes on. Done again, it goes on where it was cut short: the records by the former paths go last.
func (e *Executor) Move(ctx context.Context, moves []plan.Move) error {
	for _, m := range moves {
		if err := e.moveOne(ctx, m); err != nil {
			return fmt.Errorf("move %s: %w", m.From, err)
		}
	}
	if err := e.rename(moves); err != nil {
		return err
	}
	return e.vacate(moves)
}

// vacate takes away what is left by the former paths, what is in a resource before that.
func (e *Executor) vacate(moves []plan.Move) error {
	to := map[resource.Path]resource.Path{}
	for _, m := range moves {
		for _, r := range m.Records {
			if from, ok := formerPath(m, r.Path); ok {
				to[from] = r.Path
			}
		}
	}
	for _, from := range slices.Backward(slices.SortedFunc(maps.Keys(to), resource.ComparePaths)) {
		if err := e.moveLog(from, to[from]); err != nil {
			return err
		}
		if err := e.store.Vacate(from); err != nil {
			return err
		}
	}
	return nil
}

// formerPath returns where the resource at p was before the move. ok is false for one that only refers to what is moved.
func formerPath(m plan.Move, p resource.Path) (from resource.Path, ok bool) {
	if !m.To.Contains(p) {
		return "", false
	}
	return m.From + p[len(m.To):], true
}

func (e *Executor) moveOne(ctx context.Context, m plan.Move) error {
	now := time.Now().UTC().Truncate(time.Millisecond)
	for _, recorded := range m.Records {
		r := *recorded
		from, ok := formerPath(m, r.Path)
		if ok {
			r.Status.UpdatedAt = &now // by which the former record is known, see [state.State.Unfinished]
		}
		if err := e.Relabel(ctx, []*state.Record{&r}); err != nil {
			return err
		}
		if !ok {
			continue
		}
		var err error
		switch r.Path.Kind() {
		case resource.KindSpace:
			err = spaceKind{e}.make(&r, false) // its conflist says whose it is
		case resource.KindCell:
			err = etc.Link(e.store, from, r.Path)
		case resource.KindContainer:
			err = containerKind{e}.move(ctx, from, &r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// move has the next tasks of a container mount the files of its cell, bear its name and write its log where they are now.
func (k containerKind) move(ctx context.Context, from resource.Path, r *state.Record) error {
	files := func(cell resource.Path) string { return etc.Dir(k.executor.store, cell) }
	err := containers.Move(ctx, k.executor.containerd, r.Status.Namespace, r.Status.ContainerID, containers.MoveOptions{
		FilesFrom: files(from.Parent()), FilesTo: files(r.Path.Parent()),
		HostnameFrom: from.Parent().Name(), HostnameTo: r.Path.Parent().Name(),
		Annotations: map[string]string{plan.LabelPath: string(r.Path)},
	})
	if policy := r.Spec.(*resource.Container).RestartPolicy; err == nil && policy != "" && policy != "no" {
		err = k.watch(ctx, r)
	}
	if errdefs.IsNotFound(err) { // the next plan finds what is missing
		return nil
	}
	return err
}

// rename writes the files in /etc that follow from the names of cells: of those that are moved, and of all that know them.
func (e *Executor) rename(moves []plan.Move) error {
	st := &state.State{Records: e.store.Records()}
	spaces, moved := map[resource.Path]bool{}, map[resource.Path]bool{}
	for _, m := range moves {
		for _, r := range m.Records {
			from, ok := formerPath(m, r.Path)
			if !ok {
				continue
			}
			delete(st.Records, from)
			moved[r.Path] = true
			if a := r.Status.Attachment; a != nil {
				for _, i := range a.Interfaces {
					spaces[i.Space] = true
				}
			}
		}
	}
	if len(spaces) == 0 {
		return nil
	}
	names := plan.NamesOf(st)
	for p, r := range st.Records {
		a := r.Status.Attachment
		if a == nil || !slices.ContainsFunc(a.Interfaces, func(i state.Interface) bool { return spaces[i.Space] }) {
			continue
		}
		var err error
		if moved[p] {
			err = etc.Write(e.store, r, names)
		} else {
			err = etc.WriteHosts(e.store, p, a, names)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// moveLog gives the files of the log of a container the names that belong to its new path. Whoever writes them notices.
func (e *Executor) moveLog(from, to resource.Path) error {
	if from.Kind() != resource.KindContainer {
		return nil
	}
	for _, log := range e.store.LogFiles(from) {
		err := os.Rename(log, e.store.LogFile(to)+strings.TrimPrefix(log, e.store.LogFile(from)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("rename the log of %s: %w", from, err)
		}
	}
	return nil
}

// forget takes our labels off a container, which goes on as it is, and then its record away.
func (e *Executor) forget(ctx context.Context, r *state.Record) error {
	var ours []string
	for key := range labels(r) {
		if strings.HasPrefix(key, "kukeon.io/") {
			ours = append(ours, key)
		}
	}
	err := containers.SetLabels(ctx, e.containerd, r.Status.Namespace, r.Status.ContainerID, nil, ours)
	if err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	return e.store.Forget(r.Path)
}
