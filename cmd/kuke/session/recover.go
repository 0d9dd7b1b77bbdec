package session

import (
	"context"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
)

// restoreAll restores the records that the state itself shows to be lost.
func (s *Session) restoreAll(ctx context.Context, w *world) error {
	if err := s.reseal(ctx, w); err != nil {
		return err
	}
	return s.restore(ctx, w, planner.Lost(w.prior))
}

// reseal puts into the state the values whose key is lost, sealed with the new one. With the lock held it records them, too.
func (s *Session) reseal(ctx context.Context, w *world) error {
	records, err := w.exec.Reseal(ctx, w.prior)
	if err != nil || len(records) == 0 {
		return err
	}
	for _, r := range records {
		w.prior.Records[r.Path] = r
	}
	if !w.locked {
		return nil
	}
	return w.exec.RecordAgain(w.prior, records)
}

// restore adds to the state the records at and below the lost paths, as far as the host shows them. With the lock
// held it records them, too.
func (s *Session) restore(ctx context.Context, w *world, lost []resource.Path) error {
	if len(lost) == 0 {
		return nil
	}
	evidence, err := w.exec.Evidence(ctx, w.prior, lost)
	if err != nil {
		return err
	}
	records, notes := planner.Rebuild(w.prior, evidence, lost)
	if len(records) == 0 {
		return nil
	}
	var found []string
	for _, r := range records {
		w.prior.Records[r.Path] = r
		found = append(found, r.Path.Kind().Lower()+" "+string(r.Path))
	}
	become := "The next apply records these resources again from the host"
	if w.locked {
		if err := w.exec.RecordAgain(w.prior, records); err != nil {
			return err
		}
		become = "Recorded again from the host"
	}
	var ds resource.Diagnostics
	ds.Warnf(resource.Range{}, "", "Lost records", "%s: %s.", become, strings.Join(found, ", "))
	for _, note := range notes {
		ds.Warnf(resource.Range{}, "", "Lost records", "%s.", note)
	}
	return s.Report(ds)
}
