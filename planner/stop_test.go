package planner

import (
	"slices"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// What runs is stopped for its successor only when all that the successor waits for is there.
func TestStopWaitsForDependencies(t *testing.T) {
	const other = resource.Path("main/default/blog/other")
	healthy := &resource.Healthcheck{TCP: "localhost:1"}
	withOther := func(s specs) {
		s[other] = &resource.Cell{}
		s[other+"/job"] = &resource.Container{Image: "side:1", Root: true, RestartPolicy: "no"}
		s[theCell].(*resource.Cell).DependsOn = []resource.CellDependency{{Name: string(other), Condition: resource.Completed}}
	}
	for _, tt := range []struct {
		name         string
		before, edit func(specs)
		// The step of op at path comes after that of waits at on.
		path resource.Path
		op   plan.Op
		on   resource.Path
		wait plan.Op
	}{
		{
			name: "a root container that is only checked from now on",
			edit: func(s specs) {
				container(s, theRoot).Healthcheck = healthy
				container(s, theSide).DependsOn = []resource.Dependency{{Name: "web", Condition: resource.Healthy}}
				container(s, theSide).User = "1"
			},
			path: theSide, op: plan.OpDelete, on: theRoot, wait: plan.OpCheck,
		},
		{
			name: "a new container of the cell",
			edit: func(s specs) {
				s[theCell+"/new"] = &resource.Container{Image: "side:1", Healthcheck: healthy}
				container(s, theSide).DependsOn = []resource.Dependency{{Name: "new", Condition: resource.Healthy}}
				container(s, theSide).User = "1"
			},
			path: theSide, op: plan.OpDelete, on: theCell + "/new", wait: plan.OpCheck,
		},
		{
			name: "a job of another cell", before: withOther,
			edit: func(s specs) {
				withOther(s)
				container(s, other+"/job").User = "1"
				container(s, theSide).User = "1"
			},
			path: theSide, op: plan.OpDelete, on: other + "/job", wait: plan.OpCheck,
		},
		{
			name: "a job of another cell, with the root container", before: withOther,
			edit: func(s specs) {
				withOther(s)
				container(s, other+"/job").User = "1"
				container(s, theRoot).User = "1"
			},
			path: theRoot, op: plan.OpDelete, on: other + "/job", wait: plan.OpCheck,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t)
			h.converge(example(tt.before), Options{})
			p := h.plan(example(tt.edit), Options{})
			after := map[int]bool{} // steps that come after the one that is waited for
			found := false
			for i, s := range p.Steps {
				after[i] = s.Op == tt.wait && s.Path == tt.on || slices.ContainsFunc(s.After, func(on int) bool { return after[on] })
				if s.Op == tt.op && s.Path == tt.path {
					found = true
					if !after[i] {
						t.Errorf("%s %s does not wait for %s %s:\n%s", tt.op, tt.path, tt.wait, tt.on, text(p))
					}
				}
			}
			if !found {
				t.Errorf("there is no step %s %s:\n%s", tt.op, tt.path, text(p))
			}
		})
	}
}
