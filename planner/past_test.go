package planner

import (
	"testing"

	"github.com/kukeon/kuke/planner/plan"
)

func TestPast(t *testing.T) {
	for action, want := range map[plan.Action]string{
		plan.Create: "created", plan.Update: "updated", plan.Replace: "replaced", plan.Delete: "deleted", plan.Start: "started",
		plan.Restart: "restarted", plan.Check: "checked", plan.Record: "recorded", plan.Stop: "stopped", plan.Shutdown: "shut down",
		plan.Kill: "killed", plan.Pause: "paused", plan.Unpause: "unpaused", plan.Adopt: "adopted", plan.Forget: "forgotten",
	} {
		if got := past(action); got != want {
			t.Errorf("%s: %s, want %s", action, got, want)
		}
	}
}
