package executor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/cgroup"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/process"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// ended is the error of a container that has ended.
type ended struct {
	why string
	err error
}

func (e *ended) Error() string { return e.why }

func (e *ended) Unwrap() error { return e.err }

// exitError returns the error for the exit of an awaited container; err is the error for callers to test.
func (k containerKind) exitError(r *state.Record, code uint32, err error) error {
	killed, readErr := killedIn(k.executor.cgroups, k.recordedWith(r), r.Path, nil, nil)
	return errors.Join(&ended{plan.ExitReason(code, killed), err}, readErr)
}

// recordedWith returns the container and the resources above it as they are recorded.
func (k containerKind) recordedWith(r *state.Record) *state.State {
	st := &state.State{Records: map[resource.Path]*state.Record{}}
	for _, p := range lineage(r.Path.Parent()) {
		if above := k.executor.store.Record(p); above != nil {
			st.Records[p] = above
		}
	}
	st.Records[r.Path] = r
	return st
}

// killedIn returns the processes of the container p that the kernel killed. c is the container in containerd, nil where
// that isn't known; beside are the other containers of its cell.
func killedIn(cgroups *cgroup.Tree, st *state.State, p resource.Path, beside []resource.Path, c *plan.Container) (*plan.Killed, error) {
	actual := &plan.Actual{Cgroups: map[string]resource.Resources{}, OOM: map[string]plan.OOM{}}
	for _, q := range append(lineage(p), beside...) {
		r := st.Records[q]
		if r == nil {
			continue
		}
		counted, err := cgroups.OOM(r.Status.Cgroup)
		if err != nil {
			return nil, err
		}
		actual.OOM[r.Status.Cgroup] = plan.OOM(counted)
		limits, err := cgroups.Limits(r.Status.Cgroup)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		actual.Cgroups[r.Status.Cgroup] = limits
	}
	if r := st.Records[p]; c != nil {
		actual.Namespaces = map[string]*plan.Namespace{r.Status.Namespace: {Containers: map[string]*plan.Container{r.Status.ContainerID: c}}}
	}
	return plan.NewOOMKills(st, actual).In(p), nil
}

// lineage returns p and the paths above it.
func lineage(p resource.Path) []resource.Path {
	var all []resource.Path
	for ; p != ""; p = p.Parent() {
		all = append(all, p)
	}
	return all
}

// notRunning returns the error for a container that has ended, with its exit, if containerd knows it.
func (k containerKind) notRunning(r *state.Record, found *containers.Container, err error) error {
	if found == nil || found.Status != containers.StatusStopped {
		return fmt.Errorf("it is not running: %w", err)
	}
	return k.exitError(r, found.ExitCode, err)
}

// Kills finds, in the files of the cgroups alone, the processes of recorded containers that the kernel killed because
// memory ran out.
type Kills struct {
	cgroups *cgroup.Tree
	prior   *state.State
	members map[resource.Path][]resource.Path // of each cell
}

// OpenKills opens the cgroup file systems mounted at root. prior must hold the containers to be observed, and the resources
// above and beside them.
func OpenKills(root string, prior *state.State) (*Kills, error) {
	cgroups, err := cgroup.Open(root)
	if err != nil {
		return nil, err
	}
	members := map[resource.Path][]resource.Path{}
	for p := range prior.Records {
		if p.Kind() == resource.KindContainer {
			members[p.Parent()] = append(members[p.Parent()], p)
		}
	}
	return &Kills{cgroups, prior, members}, nil
}

// In returns the processes that were killed in the container at p, nil where there are none, and whether processes run in
// it.
func (k *Kills) In(p resource.Path) (killed *plan.Killed, running bool, err error) {
	r := k.prior.Records[p]
	pids, err := k.cgroups.Processes(r.Status.Cgroup)
	if err != nil {
		return nil, false, err
	}
	c := &plan.Container{ID: r.Status.ContainerID}
	for _, pid := range pids {
		// An unreadable process has just ended.
		if at, err := process.StartTime(pid); err == nil && (c.StartedAt.IsZero() || at.Before(c.StartedAt)) {
			c.StartedAt = at
		}
	}
	killed, err = killedIn(k.cgroups, k.prior, p, k.members[p.Parent()], c)
	return killed, len(pids) > 0, err
}

// watchInterval is the interval at which the counters of the cgroups are read: not all of them have events.
const watchInterval = time.Second

// Watch calls f for processes that are killed in the container at p from now on, until ctx ends, and returns its error.
func (k *Kills) Watch(ctx context.Context, p resource.Path, f func(*plan.Killed)) error {
	before, _, err := k.In(p)
	for err == nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(watchInterval):
		}
		var now *plan.Killed
		now, _, err = k.In(p)
		if news := now.Since(before); news != nil {
			f(news)
		}
		before = now
	}
	return err
}
