package planner

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// monitorPatience is how long containerd's restart monitor is given to start a container whose task has ended. It looks
// every ten seconds unless it is configured otherwise.
const monitorPatience = time.Minute

// keeps reports whether containerd keeps to a restart policy.
func (a *Actual) keeps(policy string) bool {
	name, _, _ := strings.Cut(policy, ":")
	return slices.Contains(a.RestartPolicies, name) || name == "unless-stopped" && slices.Contains(a.RestartPolicies, "always")
}

// restarts reports whether containerd's restart monitor is about to start the container, whose task has ended, and warns
// of it: what containerd does by itself is no change. A start that the user asks for doesn't wait for the monitor.
func (d *decider) restarts(c *Change, want *resource.Container, actual *Container) bool {
	if d.startAsked(c.Path) || d.awaitedNow[c.Path] || !d.actual.monitored(c.Before, want.RestartPolicy, actual) {
		return false
	}
	d.restarting[c.Path] = true
	times := ""
	if actual.Restarts > 0 {
		times = fmt.Sprintf(", %d times so far", actual.Restarts)
	}
	d.diags.Warnf(d.desired.Resource(c.Path).RangeOf("restartPolicy"), c.Path, "Container exited",
		"container %s is down: %s. containerd restarts it, as its restart policy %s says%s. To see why it exited, run: kuke logs %s.",
		c.Path, ExitReason(actual.ExitCode, d.kills.In(c.Path)), want.RestartPolicy, times, c.Path)
	return true
}

// awaitStarted notes which of the containers that are left to the monitor others wait for that the plan starts, and reports
// whether that is news.
func (d *decider) awaitStarted() bool {
	news := false
	for p, c := range d.changes {
		if p.Kind() != resource.KindContainer || c.After == nil || c.Action == Update && !c.Start || c.Action == Adopt {
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
	return slices.ContainsFunc(dependenciesOf(d.after(p.Parent())), func(c resource.CellDependency) bool { return resource.Path(c.Name) == on.Parent() })
}

// monitored reports whether containerd's restart monitor will start the recorded container, whose task has ended: the
// container has the monitor's labels, the policy asks for another start, and the network namespace that it needs is there.
func (a *Actual) monitored(r *state.Record, policy string, c *Container) bool {
	if c.Status != TaskStopped || policy == "" || policy != c.RestartPolicy || !a.keeps(policy) {
		return false
	}
	cell := a.Cells[r.Path.Parent()]
	if (cell == nil || cell.NetNS == 0) && !r.Status.Imported || a.At.Sub(c.FinishedAt) > monitorPatience {
		return false // then it tries in vain
	}
	name, most, limited := strings.Cut(policy, ":")
	if name != "on-failure" {
		return true
	}
	n, err := strconv.Atoi(most)
	return c.ExitCode != 0 && (!limited || err == nil && c.Restarts < n)
}
