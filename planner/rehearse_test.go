package planner_test

import (
	"slices"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// A rehearsal needs the cells of the changes, their dependencies, their spaces, and all above them.
func TestRehearsed(t *testing.T) {
	prior := &state.State{Records: map[resource.Path]*state.Record{}}
	add := func(p resource.Path, spec resource.Spec) *state.Record {
		prior.Records[p] = &state.Record{Path: p, Spec: spec}
		return prior.Records[p]
	}
	for _, realm := range []resource.Path{"m", "n"} {
		add(realm, &resource.Realm{})
		for _, space := range []string{"s", "further", "unused"} {
			add(realm.Join(space), &resource.Space{})
		}
		add(realm.Join("s").Join("t"), &resource.Stack{})
		for _, cell := range []string{"web", "app", "db", "far"} {
			add(realm.Join("s").Join("t").Join(cell), &resource.Cell{})
			add(realm.Join("s").Join("t").Join(cell).Join("root"), &resource.Container{Root: true})
		}
	}
	depend := func(p, on resource.Path) {
		prior.Records[p].Spec = &resource.Cell{DependsOn: []resource.CellDependency{{Name: string(on)}}}
	}
	depend("m/s/t/web", "m/s/t/app")
	depend("m/s/t/app", "m/s/t/db")
	prior.Records["m/s/t/db"].Status.Attachment = &state.Attachment{Interfaces: []state.Interface{{Space: "m/s"}, {Space: "m/further"}}}
	cases := map[string]struct {
		plan *plan.Plan
		want []resource.Path
	}{
		"nothing": {&plan.Plan{}, nil},
		"a container": {
			&plan.Plan{Changes: []*plan.Change{{Path: "m/s/t/web/root", Action: plan.Replace}}},
			[]resource.Path{"m", "m/further", "m/s", "m/s/t", "m/s/t/app", "m/s/t/db", "m/s/t/web"},
		},
		"a new cell that depends on another": {
			&plan.Plan{Changes: []*plan.Change{{Path: "m/s/t/new", Action: plan.Create, After: &state.Record{
				Path: "m/s/t/new", Spec: &resource.Cell{DependsOn: []resource.CellDependency{{Name: "m/s/t/far"}}},
			}}}},
			[]resource.Path{"m", "m/s", "m/s/t", "m/s/t/far"},
		},
		"a space": {&plan.Plan{Changes: []*plan.Change{{Path: "n/unused", Action: plan.Delete}}}, []resource.Path{"n", "n/unused"}},
		"a stack that moves": {
			&plan.Plan{Moves: []plan.Move{{From: "n/s/t", To: "n/s/u"}}},
			[]resource.Path{"n", "n/s", "n/s/t", "n/s/t/app", "n/s/t/db", "n/s/t/far", "n/s/t/web"},
		},
	}
	for name, c := range cases {
		if got := planner.Rehearsed(c.plan, prior); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
