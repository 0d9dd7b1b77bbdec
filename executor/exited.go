package executor

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/planner/plan"
)

// exitOf describes the exit of the container that the error of a step is about. It is empty for any other error.
func exitOf(err error) string {
	if over := new(ended); errors.As(err, &over) {
		return over.why
	}
	return ""
}

// firstMoment is the time after its start for which a container is observed.
const firstMoment = 50 * time.Millisecond

// Exited returns those containers that the outcomes say were started and that have ended, in the order of the outcomes. It
// leaves out containers that a step waited for.
func (e *Executor) Exited(ctx context.Context, outcomes []plan.Outcome) ([]plan.Exited, error) {
	var started []resource.Path
	waitedFor := map[resource.Path]bool{}
	for _, o := range outcomes {
		switch {
		case o.Step.Path == "" || o.Step.Path.Kind() != resource.KindContainer:
		case o.Step.Op == plan.OpCheck:
			waitedFor[o.Step.Path] = true
		case o.Done && (o.Step.Op == plan.OpCreate || o.Step.Op == plan.OpStart):
			started = append(started, o.Step.Path)
		}
	}
	started = slices.DeleteFunc(started, func(p resource.Path) bool { return waitedFor[p] || e.store.Record(p) == nil })
	if len(started) == 0 {
		return nil, nil
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(firstMoment):
	}
	namespaces := map[string]map[string]*containers.Container{}
	var all []plan.Exited
	for _, p := range started {
		r := e.store.Record(p)
		if namespaces[r.Status.Namespace] == nil {
			list, err := containers.List(ctx, e.containerd, r.Status.Namespace)
			if err != nil {
				return nil, err
			}
			byID := make(map[string]*containers.Container, len(list))
			for i := range list {
				byID[list[i].ID] = &list[i]
			}
			namespaces[r.Status.Namespace] = byID
		}
		found := namespaces[r.Status.Namespace][r.Status.ContainerID]
		if found != nil && found.Status == containers.StatusStopped {
			all = append(all, plan.Exited{Path: p, Reason: containerKind{e}.exitError(r, found.ExitCode, nil).Error()})
		}
	}
	return all, nil
}
