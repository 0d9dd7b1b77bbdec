package planner

import (
	"fmt"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// checkSecrets makes sure that the values of the secrets of a wanted container were to be had.
func (h *hostCheck) checkSecrets(want *resource.Resource) {
	spec, ok := want.Spec.(*resource.Container)
	if !ok {
		return
	}
	for _, s := range spec.Secrets {
		why, failed := h.in.actual.UnreadableSecrets[plan.SecretKey{Container: want.Path, Name: s.Name}]
		if !failed {
			continue
		}
		at := want.RangeOf("secrets")
		for _, name := range []string{"", ".name", ".fromFile", ".fromEnv"} {
			if rng, ok := want.Ranges[fmt.Sprintf("secrets[%q]%s", s.Name, name)]; ok {
				at = rng
			}
		}
		h.diags.Errorf(at, want.Path, "Secret can't be read", "container %s has the secret %s, but %s.", want.Path, s.Name, why)
	}
}

// repairFiles has the files of secrets and configs put right that a running container sees.
func (d *containers) repairFiles(c *plan.Change) {
	for _, difference := range d.in.actual.FileDrift[c.Path] {
		if c.Action == "" {
			c.Action = plan.Update
		}
		c.Reasons = append(c.Reasons, outside+difference)
	}
}
