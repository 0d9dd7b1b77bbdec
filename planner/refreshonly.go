package planner

import (
	"fmt"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// RefreshOnly plans to record the changes outside of kuke, and to change nothing else: it forgets missing containers, keeps
// stopped or paused ones that way, and records limits as they are. The next plan then shows the differences of the
// configuration. Differences that no record can hold, such as a changed firewall, are left for an apply to repair.
func RefreshOnly(prior *state.State, actual *plan.Actual) *plan.Plan {
	pl := &plan.Plan{Prior: plan.PriorOf(prior), Changes: []*plan.Change{}, Unchanged: []*state.Record{}, Steps: []plan.Step{}}
	for _, p := range prior.Paths() {
		c := refreshed(prior.Records[p], actual)
		if c == nil {
			pl.Unchanged = append(pl.Unchanged, prior.Records[p])
			continue
		}
		pl.Changes = append(pl.Changes, c)
		pl.Steps = append(pl.Steps, plan.Step{Op: plan.OpRecord, Path: p})
	}
	return pl
}

// refreshed returns the change that updates the record from the host, or nil where they agree.
func refreshed(r *state.Record, actual *plan.Actual) *plan.Change {
	if r.Path.IsVolume() {
		return nil // a missing directory is for an apply to repair
	}
	c := &plan.Change{Path: r.Path, Action: plan.Record, Before: r}
	if r.Path.Kind() == resource.KindContainer && actual.Container(r.Status.Namespace, r.Status.ContainerID) == nil {
		c.Reasons = append(c.Reasons, "removed outside of kuke: containerd does not have the container")
		c.Diffs = plan.Compare(r.Spec, nil)
		return c
	}
	after := *r
	c.After = &after
	if why := limitDrift(r, actual); why != "" {
		limits := actual.Cgroups[r.Status.Cgroup]
		if swapUnbounded(r, &limits) {
			limits.MemorySwap = 0 // the limit was not removed outside of kuke: the next apply sets it
		}
		c.Reasons = append(c.Reasons, why)
		after.Status.Limits = &limits
		after.Spec = resource.WithResources(r.Spec, limits.Written(resource.ResourcesOf(r.Spec)))
	}
	if r.Path.Kind() == resource.KindContainer {
		refreshTask(c, r, actual)
	}
	if len(c.Reasons) == 0 {
		return nil
	}
	c.Diffs = plan.Compare(r.Spec, after.Spec)
	return c
}

// refreshTask adds to c the changes of the container's task outside of kuke.
func refreshTask(c *plan.Change, r *state.Record, actual *plan.Actual) {
	found := actual.Container(r.Status.Namespace, r.Status.ContainerID)
	run := ""
	switch found.Status {
	case plan.TaskPaused, plan.TaskPausing:
		run = state.RunPaused
	case plan.TaskRunning:
	default:
		run = state.RunStopped
	}
	spec := r.Spec.(*resource.Container)
	ended := run == state.RunStopped && (found.ExitCode == 0 && plan.MayEnd(spec) || actual.Monitored(r, spec.RestartPolicy, found))
	down := run == state.RunStopped && r.Status.Run == state.RunKilled
	if run == r.Status.Run || ended || down {
		return
	}
	c.After.Status.Run = run
	c.Reasons = append(c.Reasons, fmt.Sprintf(outside+"it is %s", found.State()))
}
