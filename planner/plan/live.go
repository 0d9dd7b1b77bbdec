package plan

import (
	"github.com/kukeon/kuke/planner/state"
)

// The states that users are told.
const (
	StatePending = "Pending"
	StateReady   = "Ready"
	StateStopped = "Stopped"
	StatePaused  = "Paused"
	StatePausing = "Pausing"
	StateFailed  = "Failed"
	StateUnknown = "Unknown"
)

// Live is a recorded resource as the host has it.
type Live struct {
	Record *state.Record
	State  string
	// Detail says more: the health of a container that runs, the exit code of one that ended, what the kernel killed in it,
	// and what is missing of one that is Pending; of a level, which parts of its own are missing or differ, how many of its
	// containers run where not all do, and which resources in it are incomplete.
	Detail string
	// Container is what containerd has; nil for other kinds, and where it has none.
	Container *Container
	// Exit is how a container ended that doesn't run; nil where that isn't known.
	Exit *state.Exit
	// Killed is what the kernel killed in a container because memory ran out; nil where it killed nothing.
	Killed *Killed
}
