package session

import (
	"context"
	"fmt"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Drift compares the recorded resources with the host: it returns the changes that would repair the drift. Lost records are
// added to prior, as a plan does, and nothing is reported.
func (s *Session) Drift(ctx context.Context, store *state.Store, prior *state.State) ([]*plan.Change, resource.Diagnostics, error) {
	exec, err := s.Open(ctx, store)
	if err != nil {
		return nil, nil, err
	}
	defer exec.Close()
	if lost := planner.Lost(prior); len(lost) > 0 {
		evidence, err := exec.Evidence(ctx, prior, lost)
		if err != nil {
			return nil, nil, err
		}
		records, _ := planner.Recover(prior, evidence, lost)
		for _, r := range records {
			prior.Records[r.Path] = r
		}
	}
	actual, err := exec.Refresh(ctx, nil, prior)
	if err != nil {
		return nil, nil, err
	}
	drift, diags := planner.Drift(prior, actual)
	return drift, diags, nil
}

// Container returns the record of the container at p, and an executor that talks to its host.
func (s *Session) Container(ctx context.Context, p resource.Path) (*state.Record, *executor.Executor, error) {
	store, st, err := s.State()
	if err == nil {
		err = checkRecorded(st, []resource.Path{p})
	}
	if err != nil {
		return nil, nil, err
	}
	exec, err := s.Open(ctx, store)
	return st.Records[p], exec, err
}

// NotRunning returns an error with the state of a container in which no command can be run, and with the remedy. err is the
// error of the attempt.
func (s *Session) NotRunning(ctx context.Context, exec *executor.Executor, record *state.Record, err error) error {
	_, st, readErr := s.State()
	if readErr != nil {
		return fmt.Errorf("%w: start it with: kuke start container %s", err, record.Path)
	}
	alone := &state.State{Records: map[resource.Path]*state.Record{record.Path: record}}
	for p := record.Path.Parent(); p != ""; p = p.Parent() {
		if above := st.Records[p]; above != nil {
			alone.Records[p] = above
		}
	}
	actual, lookErr := exec.Refresh(ctx, nil, alone)
	if lookErr != nil {
		return fmt.Errorf("%w: start it with: kuke start container %s", err, record.Path)
	}
	live := planner.States(alone, actual)[record.Path]
	found := fmt.Sprintf("container %s is %s", record.Path, live.State)
	switch {
	case live.Container == nil:
		return fmt.Errorf("%s, and containerd does not have it: create it with: kuke apply", found)
	case live.State == plan.StatePaused || live.State == plan.StatePausing:
		return fmt.Errorf("%s: let it go on with: kuke unpause container %s", found, record.Path)
	case live.State == plan.StateReady: // it has been started meanwhile
		return err
	case live.Detail != "":
		found += " (exit code " + live.Detail + ")"
	}
	return fmt.Errorf("%s: start it with: kuke start container %s", found, record.Path)
}

// Live returns the records as the host has them. If the host can't be asked, unknown says why, and all are Unknown.
func (s *Session) Live(ctx context.Context, store *state.Store, st *state.State, records []*state.Record) (live []plan.Live, unknown error) {
	actual, unknown := s.actual(ctx, store, st)
	states := planner.States(st, actual)
	live = make([]plan.Live, 0, len(records))
	for _, r := range records {
		live = append(live, *states[r.Path])
	}
	return live, unknown
}

func (s *Session) actual(ctx context.Context, store *state.Store, st *state.State) (*plan.Actual, error) {
	exec, err := s.Open(ctx, store)
	if err != nil {
		return nil, err
	}
	defer exec.Close()
	return exec.Refresh(ctx, nil, st)
}
