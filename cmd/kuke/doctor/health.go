package doctor

import (
	"fmt"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/executor/vitals"
	"github.com/kukeon/kuke/planner/state"
)

// checkHealth tells whether a process keeps the health of recorded containers up. It returns no check where none has a healthcheck, or
// where another check says why the state can't be read.
func checkHealth(dir string) []Check {
	prior, err := state.NewStore(dir).Read()
	if err != nil {
		return nil
	}
	checked, restarted := 0, 0
	for p, r := range prior.Records {
		if p.Kind() != resource.KindContainer {
			continue
		}
		check := executor.Checkable(r)
		if check == nil {
			continue
		}
		checked++
		if check.OnUnhealthy == resource.UnhealthyRestart {
			restarted++
		}
	}
	if checked == 0 {
		return nil
	}
	c := Check{Name: "health", Fix: "kuke service install --health installs a unit that does, kuke health run does it until it is interrupted"}
	published, err := vitals.Read(prior.Lineage)
	switch {
	case err != nil:
		c.Found = err.Error()
	case published != nil:
		c.OK, c.Found = true, fmt.Sprintf("kuke health run keeps the health of %d containers up", checked)
	case restarted > 0:
		c.Found = fmt.Sprintf("nothing keeps the health of containers up: only an apply restarts the %d with on_unhealthy = \"restart\"", restarted)
	default:
		c.OK, c.Found = true, fmt.Sprintf("kuke get checks the %d containers that have a healthcheck", checked)
	}
	return []Check{c}
}
