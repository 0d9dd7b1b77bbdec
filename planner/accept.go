package planner

import (
	"fmt"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// Accept plans to take into the state what was changed outside of kuke, and to change nothing else: containers that are
// gone are forgotten, those that were stopped or paused are to stay so, and limits are recorded as they are. The next
// plan then shows how the configuration differs from that. What no record could tell, such as a firewall that was
// changed, is left for an apply to mend.
func Accept(prior *state.State, actual *Actual) *Plan {
	plan := &Plan{Prior: PriorOf(prior), Changes: []*Change{}, Steps: []Step{}}
	for _, p := range prior.Paths() {
		c := accepted(prior.Records[p], actual)
		if c == nil {
			plan.Unchanged++
			continue
		}
		plan.Changes = append(plan.Changes, c)
		plan.Steps = append(plan.Steps, Step{Op: OpAccept, Path: p})
	}
	return plan
}

// accepted returns the change that makes the record tell what is there, or nil where it does.
func accepted(r *state.Record, actual *Actual) *Change {
	c := &Change{Path: r.Path, Action: Record, Before: r}
	if r.Path.Kind() == resource.KindContainer && actual.container(r.Status.Namespace, r.Status.ContainerID) == nil {
		c.Reasons = append(c.Reasons, "removed outside of kuke: containerd has no such container")
		c.Diffs = diff(r.Spec, nil)
		return c
	}
	after := *r
	c.After = &after
	if why := limitDrift(r, actual); why != "" {
		limits := actual.Cgroups[r.Status.Cgroup]
		if swapUnbounded(r, &limits) {
			limits.MemorySwap = 0 // nobody took the bound away: the next apply sets it
		}
		c.Reasons = append(c.Reasons, why)
		after.Status.Limits = &limits
		after.Spec = resource.WithResources(r.Spec, limits.Written(resource.ResourcesOf(r.Spec)))
	}
	if r.Path.Kind() == resource.KindContainer {
		acceptTask(c, r, actual)
	}
	if len(c.Reasons) == 0 {
		return nil
	}
	c.Diffs = diff(r.Spec, after.Spec)
	return c
}

// acceptTask adds to c what somebody made of the task of a container.
func acceptTask(c *Change, r *state.Record, actual *Actual) {
	found := actual.container(r.Status.Namespace, r.Status.ContainerID)
	run := ""
	switch found.Status {
	case TaskPaused, TaskPausing:
		run = state.RunPaused
	case TaskRunning:
	default:
		run = state.RunStopped
	}
	spec := r.Spec.(*resource.Container)
	ended := run == state.RunStopped && (found.ExitCode == 0 && mayEnd(spec) || actual.monitored(r, spec.RestartPolicy, found))
	down := run == state.RunStopped && r.Status.Run == state.RunKilled
	if run == r.Status.Run || ended || down {
		return
	}
	c.After.Status.Run = run
	c.Reasons = append(c.Reasons, fmt.Sprintf(outside+"it is %s", found.State()))
}
