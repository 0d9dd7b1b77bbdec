package executor

import (
	"errors"
	"io/fs"

	"github.com/kukeon/kuke/executor/internal/cgroup"
	"github.com/kukeon/kuke/planner/state"
)

// Usage is the resource usage of a resource and everything below it.
type Usage = cgroup.Usage

// Usage reads the usage of a recorded resource. It is nil where the cgroup is missing, as for a container that doesn't run.
func (e *Executor) Usage(r *state.Record) (*Usage, error) {
	u, err := e.cgroups.Usage(r.Status.Cgroup)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return &u, err
}
