package executor

import (
	"testing"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// What the user asks to run is to run, whether or not that succeeds: the next plan must not take it for stopped, paused or
// done.
func TestHoldsEnd(t *testing.T) {
	exit := &state.Exit{At: time.Unix(1, 0).UTC()}
	const p = resource.Path("r/s/t/c/x")
	record := func(run string, exit *state.Exit) *state.Record {
		return &state.Record{Path: p, Spec: &resource.Container{Root: true, Image: resource.DefaultImage}, Status: state.Status{
			Namespace: "kukeon-r", Cgroup: "/kukeon/r/s/t/c/x_root", ContainerID: "s_t_c_x", Run: run, Exit: exit,
		}}
	}
	for _, tt := range []struct {
		name   string
		action plan.Action
		start  bool
		before *state.Record
		ends   bool
	}{
		{"start after a stop", plan.Start, false, record("stopped", exit), true},
		{"start after a kill", plan.Start, false, record("killed", nil), true},
		{"restart after a stop", plan.Restart, false, record("stopped", exit), true},
		{"restart of what is done and was shut down", plan.Restart, false, record("", exit), true},
		{"unpause", plan.Unpause, false, record("paused", nil), true},
		{"update with a start", plan.Update, true, record("stopped", nil), true},
		{"update", plan.Update, false, record("stopped", exit), false},
		{"pause", plan.Pause, false, record("stopped", exit), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := state.NewStore(t.TempDir())
			if _, err := store.Read(); err != nil {
				t.Fatal(err)
			}
			if err := store.Put(tt.before); err != nil {
				t.Fatal(err)
			}
			e := &Executor{store: store}
			pl := &plan.Plan{Changes: []*plan.Change{{Path: p, Action: tt.action, Start: tt.start, Before: tt.before, After: record("", nil)}}}
			if err := e.endHolds(pl); err != nil {
				t.Fatal(err)
			}
			now := store.Record(p).Status
			if ended := now.Run == "" && now.Exit == nil; ended != tt.ends {
				t.Errorf("recorded: run %q, exit %v", now.Run, now.Exit)
			}
		})
	}
}
