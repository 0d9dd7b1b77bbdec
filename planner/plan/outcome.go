package plan

import (
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// Event reports the begin, the progress or the end of a step. Events come from several goroutines; those of one step come one
// after the other.
type Event struct {
	// Index is that of the step in [Plan.Steps].
	Index int
	Step  Step
	// Done is false when the step begins, and while it runs.
	Done    bool
	Elapsed time.Duration
	Err     error
	// Exit describes the exit of the container that Err is about. It is empty for any other error.
	Exit string
	// Progress is that of a running pull. Its Total is 0 in events of the begin and the end of a step.
	Progress
}

// Progress tells how much of an image has arrived.
type Progress struct {
	// Bytes is the number of bytes that have arrived, and Total that of all that are known to be needed, which grows until all
	// layers are known.
	Bytes, Total int64
	// Layers are those of the image, the lowest first.
	Layers []LayerProgress
}

// LayerProgress tells how much of a layer has arrived.
type LayerProgress struct {
	Digest       string
	State        LayerState
	Bytes, Total int64
}

// LayerState is the state of a layer of an image that is pulled.
type LayerState string

// The states of a layer, in the order in which it has them.
const (
	LayerWaiting     LayerState = "waiting"
	LayerDownloading LayerState = "downloading"
	LayerDownloaded  LayerState = "downloaded"
	LayerUnpacking   LayerState = "unpacking"
	LayerDone        LayerState = "done"
)

// Running reports whether the layer is being downloaded or unpacked.
func (l LayerProgress) Running() bool {
	return l.State == LayerDownloading || l.State == LayerUnpacking
}

// Outcome is the outcome of a step.
type Outcome struct {
	Step Step
	// Done says that the step was carried out and recorded.
	Done bool
	// Elapsed is the time that the step took, 0 for a step that never began.
	Elapsed time.Duration
	// Err is the reason of its failure; nil also for a step that never began.
	Err error
	// Log holds the last lines of the output of the container that Err is about, the oldest first. Sensitive values are
	// redacted.
	Log []string
	// Blocker is the failed step that a skipped one had to wait for.
	Blocker *Step
}

// OutcomeCounts are numbers of steps by their outcome.
type OutcomeCounts struct {
	Done, Failed, Skipped int
	// Ops counts the steps that are done by their operation.
	Ops map[Op]int
}

// CountOutcomes counts the outcomes.
func CountOutcomes(outcomes []Outcome) OutcomeCounts {
	c := OutcomeCounts{Ops: map[Op]int{}}
	for _, o := range outcomes {
		switch {
		case o.Done:
			c.Done++
			c.Ops[o.Step.Op]++
		case o.Err != nil:
			c.Failed++
		default:
			c.Skipped++
		}
	}
	return c
}

// Exited is a container that has ended right after its start.
type Exited struct {
	Path resource.Path
	// Reason describes the exit, for example "it exited with code 1".
	Reason string
}

// Result is the end of an apply.
type Result struct {
	Plan *Plan
	// Outcomes are those of all steps, in their order.
	Outcomes []Outcome
	// Exited are the containers that have ended right after their start.
	Exited []Exited
	// Outputs are the recorded outputs of the project of the plan, by name.
	Outputs map[string]*state.Output
}

// Complete reports whether all steps are done.
func (r *Result) Complete() bool {
	for _, o := range r.Outcomes {
		if !o.Done {
			return false
		}
	}
	return true
}

// opPull is the operation by which the durations of pulls are recorded: an [OpImage] without a pull takes no time to speak of.
const opPull = "pull"

// Timed returns the operation and the path by which the duration of the step is recorded and estimated.
func (s Step) Timed() (op string, p resource.Path) {
	if s.Image != nil && s.Image.Pull {
		return opPull, ""
	}
	return string(s.Op), s.Path
}

// Durations returns the durations of the completed steps.
func (r *Result) Durations() []state.Duration {
	var all []state.Duration
	for _, o := range r.Outcomes {
		if o.Done {
			op, p := o.Step.Timed()
			all = append(all, state.Duration{Op: op, Path: p, Took: o.Elapsed})
		}
	}
	return all
}
