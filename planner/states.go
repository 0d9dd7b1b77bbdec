package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/planner/state"
)

// The states that users are told.
const (
	StatePending = "Pending"
	StateReady   = "Ready"
	StateStopped = "Stopped"
	StatePaused  = "Paused"
	StatePausing = "Pausing"
	StateFailed  = "Failed"
	StateUnknown = "Unknown"
)

// Live is a recorded resource as the host has it.
type Live struct {
	Record *state.Record
	State  string
	// Detail says more: the health of a container that runs, the exit code of one that ended, and what the kernel killed in
	// it; of a level with containers that don't run, how many of all do.
	Detail string
	// Container is what containerd has; nil for other kinds, and where it has none.
	Container *Container
	// Exit is how a container ended that doesn't run; nil where that isn't known.
	Exit *state.Exit
	// Killed is what the kernel killed in a container because memory ran out; nil where it killed nothing.
	Killed *Killed
}

// States returns the state of each recorded resource; actual is nil where the host can't be asked.
//
// A container is Pending while it has no task, Ready while it runs, Paused or Pausing while it is frozen, Stopped when
// it exited with 0 or the user stopped it, Failed when it exited otherwise or was killed, and Unknown where containerd
// can't tell. A level is Pending when a part of its own is missing on the host (cgroup, network, containerd namespace);
// else it is as the first of these that any container in it is: Unknown, Failed, Pending, Pausing; else, with none
// running, Paused or Stopped; else Ready. One that ended as it may counts as running.
func States(prior *state.State, actual *Actual) map[realm.Path]*Live {
	states := map[realm.Path]*Live{}
	tallies := map[realm.Path]*tally{}
	for _, p := range slices.Backward(prior.Paths()) {
		r := prior.Records[p]
		live := &Live{Record: r}
		states[p] = live
		if p.Kind() == realm.KindContainer {
			live.ofContainer(prior, actual)
		} else {
			live.ofLevel(actual, tallies[p])
		}
		if parent := p.Parent(); parent != "" {
			if tallies[parent] == nil {
				tallies[parent] = &tally{states: map[string]int{}}
			}
			tallies[parent].add(live, tallies[p])
		}
	}
	return states
}

// tally counts the containers below a resource by their states.
type tally struct {
	states map[string]int
	all    int
}

func (t *tally) add(live *Live, below *tally) {
	if c, ok := live.Record.Spec.(*realm.Container); ok {
		counted := live.State
		if counted == StateStopped && live.Record.Status.Run == "" && mayEnd(c) {
			counted = StateReady
		}
		t.states[counted]++
		t.all++
		return
	}
	if below != nil {
		for name, n := range below.states {
			t.states[name] += n
		}
		t.all += below.all
	}
	if live.State == StatePending {
		t.states[StatePending]++ // something of its own is missing, whatever is in it
	}
}

func (l *Live) ofContainer(prior *state.State, actual *Actual) {
	if actual == nil {
		l.State = StateUnknown
		return
	}
	l.Container = actual.container(l.Record.Status.Namespace, l.Record.Status.ContainerID)
	l.State = l.Container.State()
	down := l.Container != nil && l.State == StatePending
	switch {
	case l.Container != nil && l.Container.Status == TaskStopped:
		l.Exit = &state.Exit{Code: l.Container.ExitCode, At: l.Container.FinishedAt}
	case down:
		l.Exit = l.Record.Status.Exit
	}
	switch {
	case l.Record.Status.Run == runStopped && (down || l.Exit != nil), down && l.Exit != nil && l.Exit.Code == 0 && l.Record.Status.Run == "":
		l.State = StateStopped
	case down && l.Exit != nil:
		l.State = StateFailed
	}
	l.Killed = KilledIn(prior, actual, l.Record.Path)
	if l.Exit != nil {
		l.Detail = exitText(l.Exit.Code, l.Killed, l.Record.Status.Run != "")
		return
	}
	var details []string
	if l.State == StateReady && l.Record.Status.Health != nil {
		details = append(details, l.Record.Status.Health.State)
	}
	if l.Killed != nil && l.State != StatePending {
		details = append(details, l.Killed.String())
	}
	l.Detail = strings.Join(details, ", ")
}

func (l *Live) ofLevel(actual *Actual, t *tally) {
	switch {
	case actual == nil:
		l.State = StateUnknown
		return
	case l.lacksParts(actual):
		l.State = StatePending
		return
	case t == nil || t.all == 0:
		l.State = StateReady
		return
	}
	for _, name := range []string{StateUnknown, StateFailed, StatePending, StatePausing} {
		if t.states[name] > 0 {
			l.State = name
			break
		}
	}
	running := t.states[StateReady]
	switch {
	case l.State != "":
	case running == 0 && t.states[StatePaused] == t.all:
		l.State = StatePaused
	case running == 0:
		l.State = StateStopped
	default:
		l.State = StateReady
	}
	if running < t.all && running > 0 {
		l.Detail = fmt.Sprintf("%d/%d", running, t.all)
	}
}

// lacksParts reports whether something of the resource's own is missing on the host.
func (l *Live) lacksParts(actual *Actual) bool {
	status := l.Record.Status
	_, cgroup := actual.Cgroups[status.Cgroup]
	return !cgroup || len(actual.Networks[l.Record.Path]) > 0 || l.Record.Path.Kind() == realm.KindRealm && actual.Namespaces[status.Namespace] == nil
}
