package planner

import (
	"fmt"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// restarts reports whether containerd's restart monitor is about to start the container, whose task has ended, and warns
// of it: what containerd does by itself is no change. A start that the user asks for doesn't wait for the monitor.
func (d *decider) restarts(c *plan.Change, want *resource.Container, actual *plan.Container) bool {
	if d.startAsked(c.Path) || d.awaitedNow[c.Path] || !d.actual.Monitored(c.Before, want.RestartPolicy, actual) {
		return false
	}
	d.restarting[c.Path] = true
	times := ""
	if actual.Restarts > 0 {
		times = fmt.Sprintf(", %d times so far", actual.Restarts)
	}
	d.diags.Warnf(d.desired.Resource(c.Path).RangeOf("restartPolicy"), c.Path, "Container exited",
		"container %s is down: %s. containerd restarts it, as its restart policy %s says%s. To see why it exited, run: kuke logs %s.",
		c.Path, plan.ExitReason(actual.ExitCode, d.kills.In(c.Path)), want.RestartPolicy, times, c.Path)
	return true
}

// awaitStarted notes which of the containers that are left to the monitor others wait for that the plan starts, and reports
// whether that is news.
func (d *decider) awaitStarted() bool {
	news := false
	for p, c := range d.changes {
		if p.Kind() != resource.KindContainer || c.After == nil || c.Action == plan.Update && !c.Start || c.Action == plan.Adopt {
			continue
		}
		for on := range d.restarting {
			if !d.awaitedNow[on] && d.waits(p, c.After.Spec.(*resource.Container), on) {
				d.awaitedNow[on], news = true, true
			}
		}
	}
	return news
}

// waits reports whether the start of the container at p comes after that of the one at on.
func (d *decider) waits(p resource.Path, spec *resource.Container, on resource.Path) bool {
	if p.Parent() == on.Parent() {
		return p != on && d.isRoot(on) || slices.ContainsFunc(spec.DependsOn, func(o resource.Dependency) bool { return o.Name == on.Name() })
	}
	return slices.ContainsFunc(d.after(p.Parent()).CellDependencies(), func(c resource.CellDependency) bool { return resource.Path(c.Name) == on.Parent() })
}
