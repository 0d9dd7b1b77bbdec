package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// checkResources compares the recorded resources with the host. It returns no check where nothing is recorded, or where
// another check says why the state or the host can't be read.
func (a *app) checkResources(ctx context.Context) []view.Check {
	store := state.NewStore(a.runPath)
	prior, err := store.Read()
	if err != nil || len(prior.Records) == 0 {
		return nil
	}
	actual, err := a.actualWithLost(ctx, store, prior)
	if err != nil {
		return nil
	}
	c := view.Check{Name: "resources", Fix: "kuke plan shows it, kuke apply repairs it"}
	drift, diags := planner.Drift(prior, actual)
	all := len(prior.Records)
	switch {
	case diags.HasErrors():
		c.Found = "the recorded resources can't be compared with this host: " + diags.Error()
	case len(drift) > 0:
		c.Found = fmt.Sprintf("%d of %d recorded resources are not as they were made: %s", len(drift), all, drifted(drift))
	default:
		c.OK, c.Found = true, fmt.Sprintf("all %d recorded resources are as they were made", all)
	}
	return []view.Check{c}
}

// actualWithLost looks at the host, and adds to prior what of it is lost, as a plan does.
func (a *app) actualWithLost(ctx context.Context, store *state.Store, prior *state.State) (*plan.Actual, error) {
	exec, err := a.session.Open(ctx, store)
	if err != nil {
		return nil, err
	}
	defer exec.Close()
	if lost := planner.Lost(prior); len(lost) > 0 {
		evidence, err := exec.Evidence(ctx, prior, lost)
		if err != nil {
			return nil, err
		}
		records, _ := planner.Recover(prior, evidence, lost)
		for _, r := range records {
			prior.Records[r.Path] = r
		}
	}
	return exec.Refresh(ctx, nil, prior)
}

// drifted names the first changes with their reasons.
func drifted(changes []*plan.Change) string {
	const shown = 3
	var texts []string
	for _, c := range changes[:min(shown, len(changes))] {
		text := fmt.Sprintf("%s %s", c.Path.Kind().Lower(), c.Path)
		if len(c.Reasons) > 0 {
			text += " (" + c.Reasons[0] + ")"
		}
		texts = append(texts, text)
	}
	if more := len(changes) - shown; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, ", ")
}
