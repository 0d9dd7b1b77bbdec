package plan

import (
	"encoding/json"

	"github.com/kukeon/kuke/config/resource"
)

// Rehearsal is the result of carrying out a plan in a lab, which is not this host.
type Rehearsal struct {
	// Outcomes are those of the steps, in the plan's order; empty where the rehearsal did not come to them.
	Outcomes []Outcome
	// Exited are the containers that the plan starts and that ended, or were started again and again, within a moment.
	Exited []RehearsedExit
	// Err is the reason why the rehearsal ended before the last step, nil where it did not.
	Err error
	// Notes tell where the lab differs from this host in a way that matters to the plan. They are sentences.
	Notes []string
}

// RehearsedExit is the exit of a container after all steps.
type RehearsedExit struct {
	Exited
	// Output holds the last lines that the container printed.
	Output []string
}

// Passed reports whether all steps succeeded, and all containers went on running.
func (r *Rehearsal) Passed() bool {
	return r.Err == nil && CountOutcomes(r.Outcomes).Done == len(r.Outcomes) && len(r.Exited) == 0
}

type rehearsalJSON struct {
	Passed bool                `json:"passed"`
	Error  string              `json:"error,omitempty"`
	Steps  []rehearsedStepJSON `json:"steps"`
	Exited []rehearsedExitJSON `json:"exited"`
	Notes  []string            `json:"notes"`
}

type rehearsedStepJSON struct {
	Op    Op            `json:"op"`
	Path  resource.Path `json:"path,omitempty"`
	Image string        `json:"image,omitempty"`
	// Outcome is done, failed or skipped.
	Outcome string `json:"outcome"`
	Error   string `json:"error,omitempty"`
}

type rehearsedExitJSON struct {
	Path   resource.Path `json:"path"`
	Reason string        `json:"reason"`
	Output []string      `json:"output"`
}

// MarshalJSON writes the result without times, so that equal rehearsals are equal texts.
func (r *Rehearsal) MarshalJSON() ([]byte, error) {
	out := rehearsalJSON{Passed: r.Passed(), Steps: []rehearsedStepJSON{}, Exited: []rehearsedExitJSON{}, Notes: append([]string{}, r.Notes...)}
	if r.Err != nil {
		out.Error = r.Err.Error()
	}
	for _, o := range r.Outcomes {
		s := rehearsedStepJSON{Op: o.Step.Op, Path: o.Step.Path, Outcome: "skipped"}
		if o.Step.Image != nil {
			s.Image = o.Step.Image.Reference
		}
		if o.Done {
			s.Outcome = "done"
		} else if o.Err != nil {
			s.Outcome, s.Error = "failed", o.Err.Error()
		}
		out.Steps = append(out.Steps, s)
	}
	for _, e := range r.Exited {
		out.Exited = append(out.Exited, rehearsedExitJSON{Path: e.Path, Reason: e.Reason, Output: append([]string{}, e.Output...)})
	}
	return json.Marshal(out)
}
