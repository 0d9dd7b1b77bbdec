package plan

import (
	"time"

	"github.com/kukeon/kuke/config/resource"
)

// Event reports the begin or the end of a step. Events come from several goroutines.
type Event struct {
	Step Step
	// Done is false when the step begins.
	Done    bool
	Elapsed time.Duration
	Err     error
	// Exit describes the exit of the container that Err is about. It is empty for any other error.
	Exit string
}

// Outcome is the outcome of a step.
type Outcome struct {
	Step Step
	// Done says that the step was carried out and recorded.
	Done bool
	// Err is the reason of its failure; nil also for a step that never began.
	Err error
	// Blocker is the failed step that a skipped one had to wait for.
	Blocker *Step
}

// Exited is a container that has ended right after its start.
type Exited struct {
	Path resource.Path
	// Reason describes the exit, for example "it exited with code 1".
	Reason string
}
