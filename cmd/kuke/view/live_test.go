package view

import (
	"testing"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Each state and each kind of line a tree can have: branches that go on beside deeper ones and that don't.
func TestTree(t *testing.T) {
	record := func(p resource.Path, spec resource.Spec, status state.Status) *state.Record {
		return &state.Record{Path: p, Spec: spec, Status: status}
	}
	box := func(name string) *state.Record {
		return record(resource.Path("main/default/blog/web/"+name), &resource.Container{Image: "docker.io/library/busybox:1"}, state.Status{})
	}
	attached := &state.Attachment{
		Interfaces: []state.Interface{{Name: "eth0", Address: "10.88.0.2/24"}, {Name: "eth1", Address: "10.88.1.7/24"}},
		Published:  []string{"8080:80"},
	}
	rows := []Row{
		{Record: record("main", &resource.Realm{}, state.Status{Namespace: "kukeon-main"}), State: plan.StateFailed, Detail: "1/5"},
		{Record: record("main/default", &resource.Space{}, state.Status{Network: &state.Network{Subnet: "10.88.0.0/24"}}), State: plan.StateFailed, Detail: "1/5"},
		{Record: record("main/default/blog", &resource.Stack{}, state.Status{}), State: plan.StateFailed, Detail: "1/5"},
		{Record: record("main/default/blog/web", &resource.Cell{}, state.Status{Attachment: attached}), State: plan.StateFailed, Detail: "1/5"},
		{Record: box("failed"), State: plan.StateFailed, Detail: "137", Container: &plan.Container{Status: plan.TaskStopped, ExitCode: 137, Restarts: 3}},
		{Record: box("gone"), State: plan.StatePending},
		{Record: box("paused"), State: plan.StatePaused, Container: &plan.Container{Restarts: -1}},
		{Record: box("root"), State: plan.StateReady, Detail: "healthy", Container: &plan.Container{}},
		{Record: box("stopped"), State: plan.StateStopped, Container: &plan.Container{}},
		{Record: record("main/default/empty", &resource.Stack{}, state.Status{}), State: plan.StateReady},
		{Record: record("main/other", &resource.Space{}, state.Status{}), State: plan.StatePending},
		{Record: record("main/other/x", &resource.Stack{}, state.Status{}), State: plan.StateUnknown},
		{Record: record("main/other/x/y", &resource.Cell{}, state.Status{}), State: plan.StatePausing},
		{Record: record("second", &resource.Realm{}, state.Status{Namespace: "evil\x1b[31m"}), State: plan.StateReady},
	}
	golden(t, "tree", false, func(v *View) { v.Tree(rows) })
	golden(t, "tree.color", true, func(v *View) { v.Tree(rows) })
	golden(t, "tree-empty", false, func(v *View) { v.Tree(nil) })
}

// Resources whose parents have no record hang below a row for each missing parent, not below another resource.
func TestTreeWithMissingParents(t *testing.T) {
	row := func(p resource.Path, spec resource.Spec) Row {
		return Row{Record: &state.Record{Path: p, Spec: spec}, State: plan.StateReady}
	}
	box := &resource.Container{Image: "docker.io/library/busybox:1"}
	golden(t, "tree-missing", false, func(v *View) {
		v.Tree([]Row{
			row("main", &resource.Realm{}), row("main/default", &resource.Space{}), row("main/default/blog", &resource.Stack{}),
			row("main/default/blog/db", &resource.Cell{}), row("main/default/blog/db/root", box),
			row("main/default/blog/web/httpd", box), row("main/default/blog/web/side", box),
			row("second/default/shop/web", &resource.Cell{}), row("second/default/shop/web/root", box),
		})
	})
	kept := row("main/default/blog/@data", &resource.Volume{})
	kept.Record.Status.Volume = &state.Volume{KeptSince: new(time.Time)}
	kept.Detail = "kept"
	golden(t, "tree-kept", false, func(v *View) { v.Tree([]Row{row("main", &resource.Realm{}), kept}) })
	golden(t, "tree-part", false, func(v *View) {
		v.Tree([]Row{row("main/default/blog/db", &resource.Cell{}), row("main/default/blog/db/root", box)})
	})
}

func TestUsage(t *testing.T) {
	rows := []UsageRow{
		{Path: "main", CPU: 153.26, Memory: 3 << 30, Swap: 5 << 20, PIDs: 1200},
		{Path: "main/default/blog/web/web", CPU: 0, Memory: 0, MemoryLimit: 64 << 20, SwapLimit: new(int64), PIDs: 1, PIDsLimit: 100},
		{Path: "main/default/blog/web/unknown", CPU: 0.04, Memory: -1, Swap: -1, PIDs: -1},
		{Path: "main/default/blog/web/gone", CPU: -1, Memory: -1, Swap: -1, PIDs: -1},
	}
	golden(t, "usage", false, func(v *View) { v.Usage(rows) })
	golden(t, "usage-empty", false, func(v *View) { v.Usage(nil) })
	golden(t, "usage.json", false, func(v *View) {
		if err := v.JSON(rows); err != nil {
			t.Error(err)
		}
	})
}
