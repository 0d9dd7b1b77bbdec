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

// Relabel records the resources as given, and sets the same in the labels of containerd. No task is touched.
func (e *Executor) Relabel(ctx context.Context, records []*state.Record) error {
	for _, r := range records {
		var err error
		switch r.Path.Kind() {
		case resource.KindRealm:
			err = namespace.Ensure(ctx, e.containerd, r.Status.Namespace, labels(r))
		case resource.KindContainer:
			err = e.mark(ctx, r, nil)
		}
		if err != nil && !errdefs.IsNotFound(err) { // the next plan finds that it is missing
			return err
		}
		if err := e.store.Put(r); err != nil {
			return err
		}
	}
	return nil
}

// Move records resources under their new paths, and the other given records. It moves their files and logs, and updates in
// place everything that follows from their names: /etc/hosts of cells, and the specs that the next tasks are made from. All
// tasks keep running. A repetition continues an interrupted move: the records under the former paths are removed last.
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

// vacate removes the rest under the former paths, the contents of a resource before the resource.
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

// formerPath returns the path that the resource at p had before the move. ok is false for a resource that only refers to a
// moved one.
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
			r.Status.UpdatedAt = &now // it tells the new record from the former, see [state.State.Unfinished]
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
			err = spaceKind{e}.make(&r, false) // its conflist names the space
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

// move updates the next tasks of a container: they mount the files of its cell, have its hostname and write its log at the
// new path.
func (k containerKind) move(ctx context.Context, from resource.Path, r *state.Record) error {
	files := func(cell resource.Path) string { return etc.Dir(k.executor.store, cell) }
	hostname := r.Path.Parent().Name()
	if cell := k.executor.store.Record(r.Path.Parent()); cell != nil {
		hostname = cell.Status.Attachment.HostnameOf(cell.Path)
	}
	err := containers.Move(ctx, k.executor.containerd, r.Status.Namespace, r.Status.ContainerID, containers.MoveOptions{
		FilesFrom: files(from.Parent()), FilesTo: files(r.Path.Parent()),
		HostnameFrom: from.Parent().Name(), HostnameTo: hostname,
		Annotations: map[string]string{plan.LabelPath: string(r.Path)},
	})
	if policy := r.Spec.(*resource.Container).RestartPolicy; err == nil && policy != "" && policy != "no" {
		err = k.watch(ctx, r)
	}
	if errdefs.IsNotFound(err) { // the next plan finds that it is missing
		return nil
	}
	return err
}

// rename writes the files in /etc that depend on the names of cells: those of the moved cells, and of all cells in the same
// spaces.
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
	names := plan.NamesOf(st)
	for p, r := range st.Records {
		a := r.Status.Attachment
		if a == nil || !moved[p] && !slices.ContainsFunc(a.Interfaces, func(i state.Interface) bool { return spaces[i.Space] }) {
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

// moveLog renames the files of the log of a container to its new path. The program that writes them notices it.
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

// forget removes kuke's labels from a container, which keeps running, and then its record.
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
