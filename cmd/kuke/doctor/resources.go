package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/kukeon/kuke/cmd/kuke/look"
	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// checkResources compares the recorded resources with the host. It returns no check where nothing is recorded, or where
// another check says why the state or the host can't be read.
func checkResources(ctx context.Context, s *session.Session) []Check {
	store := state.NewStore(s.RunPath)
	prior, err := store.Read()
	if err != nil || len(prior.Records) == 0 {
		return nil
	}
	drift, diags, err := look.Drift(ctx, s, store, prior)
	if err != nil {
		return nil
	}
	c := Check{Name: "resources", Fix: "kuke plan shows it, kuke apply repairs it"}
	all := len(prior.Records)
	switch {
	case diags.HasErrors():
		c.Found = "the recorded resources can't be compared with this host: " + diags.Error()
	case len(drift) > 0:
		c.Found = fmt.Sprintf("%d of %d recorded resources are not as they were made: %s", len(drift), all, drifted(drift))
	default:
		c.OK, c.Found = true, fmt.Sprintf("all %d recorded resources are as they were made", all)
	}
	return []Check{c}
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
