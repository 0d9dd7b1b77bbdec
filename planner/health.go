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
	diags *resource.Diagnostics
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
		fromImage := d.imageCheck(p)
		d.noteImageCheck(c, fromImage)
		check := want.Spec.(*resource.Container).Healthcheck.Over(fromImage)
		d.checkAdjusted(want, check)
		condition := d.in.waitsFor(p, check)
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
				d.noteImageCheck(c, fromImage)
			}
			c.Reasons = append(c.Reasons, reason)
			c.After.Status.Health = nil
			c.Check = condition
		}
	}
	d.checkConditions()
}

// restartsUnhealthy reports whether the container is to be restarted when it is unhealthy.
func restartsUnhealthy(want *resource.Container) bool {
	return want.Healthcheck != nil && want.Healthcheck.OnUnhealthy == resource.UnhealthyRestart
}

// waitsFor returns the condition that the apply waits for once the container runs, or the empty condition. check is nil for a
// container that is not checked.
func (in *input) waitsFor(p resource.Path, check *resource.Healthcheck) resource.Condition {
	switch {
	case in.awaited[p]:
		return resource.Completed
	case check == nil || in.opts.ByHand && sealedCheck(check):
		return ""
	}
	return resource.Healthy
}

// sealedCheck reports whether only the configuration holds the command of the healthcheck, so that commands without one
// can't run it.
func sealedCheck(check *resource.Healthcheck) bool {
	return slices.ContainsFunc(check.Exec, resource.IsSealed)
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
	case d.in.ended(have) && !d.draft.restarting[p], have.Run != "":
		return ""
	case have.Health == nil && have.ImageHealthcheck == nil && d.fromImage(p):
		return "the healthcheck of its image counts from now on"
	case have.Health == nil:
		return "its healthcheck has not succeeded yet"
	case have.Health.State == state.Unhealthy:
		return "it is not healthy: " + have.Health.Detail
	}
	if c != nil {
		for _, df := range c.Diffs {
			if strings.HasPrefix(df.Name, "healthcheck.") && df.Name != "healthcheck.onUnhealthy" {
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
