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

// ended is the error of a container that does not run any more.
type ended struct {
	why string
	err error
}

func (e *ended) Error() string { return e.why }

func (e *ended) Unwrap() error { return e.err }

// exitError says how a container that was waited for has ended; err is what of it the callers test.
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

// killedIn reads what the kernel killed in the container p; c is what containerd has of it, nil where that isn't known, and
// beside are the other containers of its cell.
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

// notRunning says of a container that does not run any more how it ended, as far as containerd knows.
func (k containerKind) notRunning(r *state.Record, found *containers.Container, err error) error {
	if found == nil || found.Status != containers.StatusStopped {
		return fmt.Errorf("it does not run any more: %w", err)
	}
	return k.exitError(r, found.ExitCode, err)
}

// Kills tells what the kernel killed in recorded containers because memory ran out, from the files of the cgroups alone.
type Kills struct {
	cgroups *cgroup.Tree
	prior   *state.State
	members map[resource.Path][]resource.Path // of each cell
}

// OpenKills looks at the cgroup file systems mounted at root. prior must hold the containers that will be asked for, and all
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

// In returns what was killed in the container at p, nil where nothing was, and whether anything runs in it.
func (k *Kills) In(p resource.Path) (killed *plan.Killed, running bool, err error) {
	r := k.prior.Records[p]
	pids, err := k.cgroups.Processes(r.Status.Cgroup)
	if err != nil {
		return nil, false, err
	}
	c := &plan.Container{ID: r.Status.ContainerID}
	for _, pid := range pids {
		// One that can't be read has ended meanwhile.
		if at, err := process.StartTime(pid); err == nil && (c.StartedAt.IsZero() || at.Before(c.StartedAt)) {
			c.StartedAt = at
		}
	}
	killed, err = killedIn(k.cgroups, k.prior, p, k.members[p.Parent()], c)
	return killed, len(pids) > 0, err
}

// watchInterval is how often the counters of the cgroups are looked at for more: no event tells of all of them.
const watchInterval = time.Second

// Watch calls f for what is killed in the container at p from now on, until ctx ends, and returns its error.
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
