package plan

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// MonitorPatience is how long containerd's restart monitor is given to start a container whose task has ended. It looks
// every ten seconds unless it is configured otherwise.
const MonitorPatience = time.Minute

// Keeps reports whether containerd keeps to a restart policy.
func (a *Actual) Keeps(policy string) bool {
	name, _, _ := strings.Cut(policy, ":")
	return slices.Contains(a.RestartPolicies, name) || name == "unless-stopped" && slices.Contains(a.RestartPolicies, "always")
}

// Monitored reports whether containerd's restart monitor will start the recorded container, whose task has ended: the
// container has the monitor's labels, the policy asks for another start, and the network namespace that it needs is there.
func (a *Actual) Monitored(r *state.Record, policy string, c *Container) bool {
	if c.Status != TaskStopped || policy == "" || policy != c.RestartPolicy || !a.Keeps(policy) {
		return false
	}
	cell := a.Cells[r.Path.Parent()]
	if (cell == nil || cell.NetNS == 0) && !r.Status.Imported || a.At.Sub(c.FinishedAt) > MonitorPatience {
		return false // then it tries in vain
	}
	name, most, limited := strings.Cut(policy, ":")
	if name != "on-failure" {
		return true
	}
	n, err := strconv.Atoi(most)
	return c.ExitCode != 0 && (!limited || err == nil && c.Restarts < n)
}

// MayEnd reports whether a container has done its work when it exits with 0, as far as its restart policy tells.
func MayEnd(spec *resource.Container) bool {
	return spec.RestartPolicy == "no" || strings.HasPrefix(spec.RestartPolicy, "on-failure")
}
