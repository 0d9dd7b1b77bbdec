package planner

import (
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// healthchecks decides which containers an apply waits for.
type healthchecks struct {
	in    *input
	draft *draft
}

// decideChecks finds the containers that the apply waits for: those that are started and have a healthcheck, or that
// others wait for until they have completed, and those whose last check failed.
func (d *healthchecks) decideChecks() {
	for _, p := range d.draft.order {
		want := d.in.desired.Resource(p)
		if want == nil || want.External || p.Kind() != resource.KindContainer || !d.draft.targeted(p) || d.draft.after(p) == nil {
			continue
		}
		c := d.draft.changes[p]
		condition := d.in.waitsFor(p, want.Spec.(*resource.Container))
		if c != nil && (c.Action != plan.Update || c.Start) {
			c.After.Status.Health = nil
			c.Check = condition
			continue
		}
		if condition == "" && c != nil {
			c.After.Status.Health = nil
		}
		if reason := d.unchecked(p, c); condition != "" && reason != "" {
			if c == nil {
				c = d.draft.ensure(p)
				c.Action = plan.Check
			}
			c.Reasons = append(c.Reasons, reason)
			c.After.Status.Health = nil
			c.Check = condition
		}
	}
}

// waitsFor returns the condition that the apply waits for once the container runs, or the empty condition.
func (in *input) waitsFor(p resource.Path, spec *resource.Container) resource.Condition {
	switch {
	case in.awaited[p]:
		return resource.Completed
	case spec.Healthcheck == nil || in.opts.ByHand && sealedCheck(spec):
		return ""
	}
	return resource.Healthy
}

// sealedCheck reports whether only the configuration holds the command of the healthcheck, so that commands without one
// can't run it.
func sealedCheck(spec *resource.Container) bool {
	return slices.ContainsFunc(spec.Healthcheck.Exec, resource.IsSealed)
}

// unchecked says why a container that isn't started has to be checked, or returns "".
func (d *healthchecks) unchecked(p resource.Path, c *plan.Change) string {
	have := d.in.prior.Records[p].Status
	switch {
	case d.in.awaited[p]:
		if have.Health == nil || have.Health.State != state.Completed {
			return "others wait for it to complete"
		}
		return ""
	case d.in.ended(have) && !d.draft.restarting[p]:
		return ""
	case have.Health == nil:
		return "its healthcheck has not succeeded yet"
	case have.Health.State == state.Unhealthy:
		return "it is not healthy: " + have.Health.Detail
	}
	if c != nil {
		for _, df := range c.Diffs {
			if strings.HasPrefix(df.Name, "healthcheck.") {
				return "its healthcheck is another now"
			}
		}
	}
	return ""
}

// ended reports whether the recorded container has done its work.
func (in *input) ended(have state.Status) bool {
	actual := in.actual.Container(have.Namespace, have.ContainerID)
	return actual != nil && (actual.Status == plan.TaskStopped || actual.Status == plan.TaskNone && have.Exit != nil)
}
