package history

import (
	"time"

	"github.com/kukeon/kuke/config/resource"
)

// The outcomes of an entry.
const (
	Complete    = "complete"
	Incomplete  = "incomplete"  // a step failed
	Interrupted = "interrupted" // the user interrupted it before all steps were carried out
	// Unfinished says that no outcome is recorded: the process was killed, or the host went down. Running, which no file has,
	// says that the process still runs.
	Unfinished = "unfinished"
	Running    = "running"
)

// Counts are numbers of steps, by the past participle of their operation: added, changed, destroyed, started, …
type Counts map[string]int

// Begin is the first line of an entry.
type Begin struct {
	// Number counts the entries of a state from 1.
	Number uint64    `json:"number"`
	Time   time.Time `json:"time"`
	// User is the user who logged in, As the one that kuke ran as where that is another one.
	User string `json:"user"`
	As   string `json:"as,omitempty"`
	Host string `json:"host"`
	From Origin `json:"from"`
	// Command is the name of the command, without its arguments, which may hold secrets.
	Command string `json:"command"`
	Version string `json:"kuke_version"`
	PID     int    `json:"pid"`
	Project string `json:"project"`
	// Directory is that of the configuration, where one was applied.
	Directory string          `json:"directory,omitempty"`
	Targets   []resource.Path `json:"targets,omitempty"`
	// Rollback is the number of the entry whose configuration was planned.
	Rollback uint64 `json:"rollback,omitempty"`
	// Plan is the digest in the first line of the plan's file, empty for a change of records without a plan, Policy that of the policies which it has passed, empty without any.
	Plan   string `json:"plan_digest"`
	Policy string `json:"policy"`
	// Planned counts the steps of the plan, or the records that a change without one is about to change.
	Planned Counts `json:"planned"`
	// SerialBefore is the serial of the state that the plan was made from.
	SerialBefore uint64 `json:"serial_before"`
}

// End is the second line of an entry.
type End struct {
	Outcome string `json:"outcome"`
	// Done counts the steps that were carried out.
	Done Counts `json:"done"`
	// Failed are the first failed steps, FailedMore the number of the others, Skipped that of the steps that never began.
	Failed     []Failure `json:"failed"`
	FailedMore int       `json:"failed_more,omitempty"`
	Skipped    int       `json:"skipped"`
	// Error is the reason why no step began, or why the state could not be written.
	Error       string `json:"error,omitempty"`
	Duration    int64  `json:"duration_ms"`
	SerialAfter uint64 `json:"serial_after"`
}

// Failure is a step that failed.
type Failure struct {
	// About is the path of the resource, or the reference of the image.
	About     string `json:"about"`
	Operation string `json:"operation"`
	Error     string `json:"error"`
}

// Entry is a plan that was carried out, or a change of records without one.
type Entry struct {
	Begin
	End
}

// maxFailures is the number of failures in a line; maxText bounds the texts in it, in bytes.
const (
	maxFailures = 20
	maxText     = 1000
)

// bounded returns the end of an entry with its texts cut to the size that a line has room for.
func (e End) bounded() End {
	if extra := len(e.Failed) - maxFailures; extra > 0 {
		e.Failed, e.FailedMore = e.Failed[:maxFailures], e.FailedMore+extra
	}
	failed := make([]Failure, len(e.Failed))
	for i, f := range e.Failed {
		failed[i] = Failure{About: cut(f.About), Operation: f.Operation, Error: cut(f.Error)}
	}
	e.Failed, e.Error = failed, cut(e.Error)
	if e.Done == nil {
		e.Done = Counts{}
	}
	return e
}

func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	end := maxText
	for end > 0 && s[end]&0xC0 == 0x80 {
		end-- // within a character
	}
	return s[:end] + "…"
}
