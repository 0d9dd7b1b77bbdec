package plan

import (
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// The states of resources for people.
const (
	StatePending = "Pending"
	StateReady   = "Ready"
	StateStopped = "Stopped"
	StatePaused  = "Paused"
	StatePausing = "Pausing"
	StateFailed  = "Failed"
	StateUnknown = "Unknown"
)

// Live is a recorded resource with its state on the host.
type Live struct {
	Record *state.Record
	State  string
	// Detail says more. For a container: its health, its exit code, the processes that the kernel killed, or the missing
	// parts of a Pending one. For a level: its missing or different parts, the number of running containers if not all
	// run, and its incomplete resources.
	Detail string
	// Health is the health of a container that runs; nil where its health was not looked at, or where it has no healthcheck.
	Health *HealthStatus
	// Container is the container in containerd; nil for other kinds, and if containerd has none.
	Container *Container
	// Exit is the exit of a container that does not run; nil if it is unknown.
	Exit *state.Exit
	// Killed counts the processes of a container that the kernel killed because memory ran out; nil if there are none.
	Killed *Killed
	// Volume is the use of a volume; nil for other kinds, and where nobody asks for it.
	Volume *VolumeUse
}

// VolumeUse is the use of a recorded volume.
type VolumeUse struct {
	// Dir is the directory of its data; empty where that is in a file system which containers mount.
	Dir string `json:"dir,omitempty"`
	// Bytes is the size of its data on disk; nil where it isn't known.
	Bytes *int64 `json:"bytes,omitempty"`
	// MountedBy are the recorded containers that mount it.
	MountedBy []resource.Path `json:"mountedBy"`
}
