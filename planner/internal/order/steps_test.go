package order

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// changes returns those with the action of a cell with a root container and another one, which depends on it.
func changes(action plan.Action) []*plan.Change {
	specs := []struct {
		path resource.Path
		spec resource.Spec
	}{
		{"r", &resource.Realm{}}, {"r/a", &resource.Space{}}, {"r/a/s", &resource.Stack{}}, {"r/a/s/c", &resource.Cell{}},
		{"r/a/s/c/root", &resource.Container{Root: true, Image: "i:1"}}, {"r/a/s/c/side", &resource.Container{Image: "i:1"}},
	}
	var all []*plan.Change
	for _, s := range specs {
		c := &plan.Change{Path: s.path, Action: action}
		r := &state.Record{Path: s.path, Spec: s.spec, Status: state.Status{Namespace: "kukeon-r"}}
		if c.Before = r; action == plan.Create {
			c.Before, c.After = nil, r
		}
		all = append(all, c)
	}
	return all
}

func steps(t *testing.T, all []*plan.Change) string {
	t.Helper()
	steps, _, err := Steps(Input{Changes: all, Desired: resource.NewTree(), Prior: &state.State{}, Actual: &plan.Actual{}})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i, s := range steps {
		fmt.Fprintln(&b, strings.TrimSpace(fmt.Sprintf("%d %s %s %v", i, s.Op, s.Path, s.After)))
	}
	return b.String()
}

// Resources are built up parents first, and taken down in the reverse order; an image is pulled once.
func TestSteps(t *testing.T) {
	for action, want := range map[plan.Action]string{
		plan.Create: `0 create r []
1 create r/a [0]
2 create r/a/s [1]
3 create r/a/s/c [2]
4 image  [0]
5 create r/a/s/c/root [3 4]
6 create r/a/s/c/side [3 4 5]
`,
		plan.Delete: `0 delete r/a/s/c/side []
1 delete r/a/s/c/root [0]
2 delete r/a/s/c [0 1]
3 delete r/a/s [2]
4 delete r/a [3]
5 delete r [4]
`,
	} {
		if got := steps(t, changes(action)); got != want {
			t.Errorf("%s: got\n%swant\n%s", action, got, want)
		}
	}
}

func TestCycle(t *testing.T) {
	all := changes(plan.Create)
	for i, on := range map[int]string{4: "side", 5: "root"} {
		all[i].After.Spec = &resource.Container{Image: "i:1", DependsOn: []resource.Dependency{{Name: on}}}
	}
	_, _, err := Steps(Input{Changes: all, Desired: resource.NewTree(), Prior: &state.State{}, Actual: &plan.Actual{}})
	if err == nil || err.Error() != "create r/a/s/c/root → create r/a/s/c/side → create r/a/s/c/root" {
		t.Errorf("error %v", err)
	}
}
