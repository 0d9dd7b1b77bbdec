package observe

import (
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// secretFiles records the drift of the files of recorded secrets.
func (r *refresh) secretFiles(prior *state.State) error {
	for p, record := range prior.Records {
		c, ok := record.Spec.(*resource.Container)
		if !ok {
			continue
		}
		for _, s := range c.Secrets {
			drift, err := r.host.Secrets.Drift(record, s)
			if err != nil {
				return err
			}
			if drift != "" {
				r.actual.SecretDrift[p] = append(r.actual.SecretDrift[p], drift)
			}
		}
	}
	return nil
}
