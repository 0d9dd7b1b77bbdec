package observe

import (
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/configs"
	"github.com/kukeon/kuke/planner/state"
)

// files records the drift of the files of recorded secrets and configs.
func (r *refresh) files(prior *state.State) error {
	for p, record := range prior.Records {
		c, ok := record.Spec.(*resource.Container)
		if !ok {
			continue
		}
		note := func(drift string, err error) error {
			if drift != "" {
				r.actual.FileDrift[p] = append(r.actual.FileDrift[p], drift)
			}
			return err
		}
		for _, s := range c.Secrets {
			if err := note(r.host.Secrets.Drift(record, s)); err != nil {
				return err
			}
		}
		for _, f := range c.Configs {
			if err := note(configs.Drift(r.host.Store, record, f)); err != nil {
				return err
			}
		}
	}
	return nil
}
