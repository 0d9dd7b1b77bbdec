package executor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// The record tells that the data of a volume was made again before there is a directory: an apply that is killed in between leaves
// containers that mount the former one, which the next plan has to know.
func TestRemadeVolumeIsRecordedFirst(t *testing.T) {
	store := state.NewStore(t.TempDir())
	if _, err := store.Read(); err != nil {
		t.Fatal(err)
	}
	const p = resource.Path("r/@data")
	before := &state.Record{Path: p, Spec: &resource.Volume{}, Status: state.Status{Volume: &state.Volume{Place: state.VolumePlace(p, 1), Filled: true}}}
	if err := store.Put(before); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(store.VolumeData(before))
	missing := filepath.Join(filepath.Dir(dir), "x") // of a volume whose directory can't be made
	after := *before
	after.Status.Volume = &state.Volume{Place: state.VolumePlace("r/@x", 1)}
	if err := os.Symlink("nowhere", missing); err != nil {
		t.Fatal(err)
	}
	if err := (volumeKind{&Executor{store: store}}).update(t.Context(), before, &after); err == nil {
		t.Fatal("the directory was made")
	}
	if have := store.Record(p).Status.Volume; have.RemadeAt == nil || have.Filled {
		t.Errorf("the record is %+v", have)
	}
	if err := os.Remove(missing); err != nil {
		t.Fatal(err)
	}
	if err := (volumeKind{&Executor{store: store}}).update(t.Context(), before, &after); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(store.VolumeData(&after)); err != nil || !info.IsDir() {
		t.Errorf("the directory is %v, %v", info, err)
	}
}
