package planner

import (
	"fmt"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// restarts reports whether containerd's restart monitor is about to start the container, whose task has ended, and warns
// of it: what containerd does by itself is no change. A start that the user asks for doesn't wait for the monitor.
func (d *containers) restarts(c *plan.Change, want *resource.Container, actual *plan.Container) bool {
	if d.in.startAsked(c.Path) || d.triggers.awaitedNow[c.Path] || !d.in.actual.Monitored(c.Before, want.RestartPolicy, actual) {
		return false
	}
	d.draft.restarting[c.Path] = true
	times := ""
	if actual.Restarts > 0 {
		times = fmt.Sprintf(", %d times so far", actual.Restarts)
	}
	d.diags.Warnf(d.in.desired.Resource(c.Path).RangeOf("restartPolicy"), c.Path, "Container exited",
		"container %s is down: %s. containerd restarts it, as its restart policy %s says%s. To see why it exited, run: kuke logs %s.",
		c.Path, plan.ExitReason(actual.ExitCode, d.in.kills.In(c.Path)), want.RestartPolicy, times, c.Path)
	return true
}
