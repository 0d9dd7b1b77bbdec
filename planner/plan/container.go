package plan

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// Container is a container in containerd.
type Container struct {
	ID       string
	Labels   map[string]string
	Status   TaskStatus
	PID      uint32
	ExitCode uint32
	// StartedAt and FinishedAt tell when the task began and ended; zero where that isn't known.
	StartedAt, FinishedAt time.Time
	// NetNS is the inode of the task's network namespace, 0 where it isn't known.
	NetNS uint64
	// AppArmor is the profile that the task runs under, or "unconfined"; empty where it isn't known.
	AppArmor string
	// OOMScoreAdj is that of the task's first process, nil where it isn't known.
	OOMScoreAdj *int64
	// RestartPolicy is the one containerd keeps to, empty where it doesn't watch over the container.
	RestartPolicy string
	// Restarts counts how often containerd started it again; -1 where this containerd doesn't count.
	Restarts int
}

// State returns the state of the container as users see it. c is nil if containerd does not have the container.
func (c *Container) State() string {
	switch {
	case c == nil || c.Status == TaskNone || c.Status == TaskCreated:
		return "Pending"
	case c.Status == TaskRunning:
		return "Ready"
	case c.Status == TaskPaused:
		return "Paused"
	case c.Status == TaskPausing:
		return "Pausing"
	case c.Status == TaskStopped && c.ExitCode == 0:
		return "Stopped"
	case c.Status == TaskStopped:
		return "Failed"
	}
	return "Unknown"
}

// TaskStatus is the state of a container's process in containerd's words; empty where there is no task.
type TaskStatus string

// The states a task can be in.
const (
	TaskNone    TaskStatus = ""
	TaskCreated TaskStatus = "created"
	TaskRunning TaskStatus = "running"
	TaskPaused  TaskStatus = "paused"
	TaskPausing TaskStatus = "pausing"
	TaskStopped TaskStatus = "stopped"
	TaskUnknown TaskStatus = "unknown"
)

// Container returns the container of the given id in the namespace, or nil.
func (a *Actual) Container(namespace, id string) *Container {
	if ns := a.Namespaces[namespace]; ns != nil {
		return ns.Containers[id]
	}
	return nil
}

// Flaw is a reason why a container could not run if it were created now.
type Flaw struct {
	// Attribute is the attribute with the flaw, in the form of [resource.Resource.RangeOf].
	Attribute string
	// Summary is that of a diagnostic, and Text its detail, which goes on after the path of the container.
	Summary, Text string
}

// Keeps reports whether containerd keeps to a restart policy.
func (a *Actual) Keeps(policy string) bool {
	name, _, _ := strings.Cut(policy, ":")
	return slices.Contains(a.RestartPolicies, name) || name == "unless-stopped" && slices.Contains(a.RestartPolicies, "always")
}

// MonitorPatience is the time that containerd's restart monitor has to start a container whose task has exited. By default it
// checks every ten seconds.
const MonitorPatience = time.Minute

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

// MayEnd reports whether an exit with 0 completes a container under its restart policy.
func MayEnd(spec *resource.Container) bool {
	return spec.RestartPolicy == "no" || strings.HasPrefix(spec.RestartPolicy, "on-failure")
}
