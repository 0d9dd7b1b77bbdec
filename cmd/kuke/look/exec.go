package look

import (
	"context"
	"fmt"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Container returns the record of the container at p, and an executor that talks to its host.
func Container(ctx context.Context, s *session.Session, p resource.Path) (*state.Record, *executor.Executor, error) {
	store, st, err := s.State()
	if err == nil {
		err = session.CheckRecorded(st, p)
	}
	if err != nil {
		return nil, nil, err
	}
	exec, err := s.Open(ctx, store)
	return st.Records[p], exec, err
}

// NotRunning returns an error with the state of a container in which no command can be run, and with the remedy. err is the
// error of the attempt.
func NotRunning(ctx context.Context, s *session.Session, exec *executor.Executor, record *state.Record, err error) error {
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
