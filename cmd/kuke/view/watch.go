package view

import (
	"fmt"
	"slices"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
)

// Watch prints resources again and again: on a terminal all of them in place, otherwise those that have changed.
type Watch struct {
	view *View
	kind resource.Kind // empty for a tree of all kinds
	wide bool
	// before holds the fingerprints of the rows that were printed last, nil at first.
	before map[resource.Path]string
}

// Watch returns a printer of rows of one kind, or of all for an empty one.
func (v *View) Watch(kind resource.Kind, wide bool) *Watch {
	return &Watch{view: v, kind: kind, wide: wide}
}

// Rows prints rows. Where it does not draw in place, all of them are printed at first, and in a tree whenever one has changed.
func (w *Watch) Rows(rows []Row, now time.Time) {
	before, after := w.before, fingerprints(rows)
	w.before = after
	if w.view.terminal {
		w.view.Clear()
		w.view.Live(w.kind, rows, w.wide, now)
		return
	}
	var changed []Row
	for _, r := range rows {
		if before[r.Record.Path] != after[r.Record.Path] {
			changed = append(changed, r)
		}
	}
	gone := len(before) > len(after)
	switch {
	case before == nil,
		len(before) == 0 && len(changed) > 0, // there is no header yet
		w.kind == "" && (len(changed) > 0 || gone):
		w.view.Live(w.kind, rows, w.wide, now)
	case len(changed) > 0:
		w.view.Rows(w.kind, changed, w.wide, now)
	}
}

// fingerprints returns a text for each row, by the path of its resource: it changes with the row.
func fingerprints(rows []Row) map[resource.Path]string {
	all := make(map[resource.Path]string, len(rows))
	for _, r := range rows {
		all[r.Record.Path] = fingerprint(r)
	}
	return all
}

// fingerprint tells whether a row has changed; its age doesn't count.
func fingerprint(r Row) string {
	text := fmt.Sprint(r.State, r.Detail, r.Record.Status.Attachment, r.Record.Status.Network)
	if r.Container != nil {
		text += fmt.Sprint(r.Container.PID, r.Container.Restarts)
	}
	return text
}

// ImageWatch is a [Watch] of images.
type ImageWatch struct {
	view *View
	wide bool
	// before holds the images that were printed last, nil at first.
	before []executor.Image
}

// WatchImages returns a printer of images.
func (v *View) WatchImages(wide bool) *ImageWatch { return &ImageWatch{view: v, wide: wide} }

// Images prints the images if they are known. Where it does not draw in place, those are printed that are new or have changed.
func (w *ImageWatch) Images(images []executor.Image, known bool) {
	if w.view.terminal {
		w.view.Clear()
	}
	if !known {
		return
	}
	changed := slices.DeleteFunc(slices.Clone(images), func(image executor.Image) bool { return slices.Contains(w.before, image) })
	switch {
	case w.view.terminal:
		w.view.Images(images, w.wide)
	case w.before == nil, len(w.before) == 0 && len(changed) > 0: // there is no header yet
		w.view.Images(changed, w.wide)
	case len(changed) > 0:
		w.view.ImageRows(changed, w.wide)
	}
	w.before = images
}
