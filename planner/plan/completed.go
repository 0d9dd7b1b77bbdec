package plan

import (
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// Completions returns the records that tell, other than those of prior, which containers have done their work: they have ended
// with 0, as their restart policy lets them. containerd forgets that, at the latest when the host is started again. It is no
// change: the containers stay as they are.
func Completions(prior *state.State, actual *Actual) []*state.Record {
	var told []*state.Record
	for _, p := range prior.Paths() {
		r := prior.Records[p]
		spec, ok := r.Spec.(*resource.Container)
		if !ok || r.Status.Run != "" || !MayEnd(spec) {
			continue
		}
		found := actual.Container(r.Status.Namespace, r.Status.ContainerID)
		if found == nil || !madeAsRecorded(r, found) {
			continue
		}
		exit := r.Status.Exit
		switch {
		case found.Status == TaskStopped && found.ExitCode == 0:
			exit = &state.Exit{At: found.FinishedAt.UTC().Truncate(time.Millisecond)}
		case found.Status == TaskRunning:
			exit = nil // somebody has started it again
		}
		if have := r.Status.Exit; (exit == nil) != (have == nil) || exit != nil && *exit != *have {
			after := *r
			after.Status.Exit = exit
			told = append(told, &after)
		}
	}
	return told
}

// madeAsRecorded reports whether the container was made from the recorded spec, and not from another one in between.
func madeAsRecorded(r *state.Record, c *Container) bool {
	return r.Status.Imported || c.Labels[LabelSpecDigest] == r.Status.SpecDigest
}
