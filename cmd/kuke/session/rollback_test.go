package session

import (
	"slices"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// A value that many containers need is one entry.
func TestNeededValues(t *testing.T) {
	key := make(resource.SealKey, resource.SealKeySize)
	p := new(plan.Plan)
	for _, path := range []resource.Path{"main/s/t/a/web", "main/s/t/b/web", "main/s/t/c/web"} {
		env := resource.Env{"TOKEN": key.Seal("hunter2"), "PLAIN": "x"}
		if path == "main/s/t/c/web" {
			env["PASSWORD"] = key.Seal("hunter3")
		}
		p.Changes = append(p.Changes, &plan.Change{Path: path, Action: plan.Create, After: &state.Record{Path: path, Spec: &resource.Container{Env: env}}})
	}
	want := []string{`env["TOKEN"] of container main/s/t/a/web and 2 others`, `env["PASSWORD"] of container main/s/t/c/web`}
	if got := neededValues(p); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
