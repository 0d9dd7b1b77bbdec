package executor

import (
	"errors"
	"io/fs"

	"github.com/kukeon/kuke/executor/internal/cgroup"
	"github.com/kukeon/kuke/planner/state"
)

// Usage is what a resource, with all below it, uses.
type Usage = cgroup.Usage

// Usage reads what a recorded resource uses; nil where its cgroup isn't there, as that of a container that doesn't run.
func (e *Executor) Usage(r *state.Record) (*Usage, error) {
	u, err := e.cgroups.Usage(r.Status.Cgroup)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return &u, err
}
