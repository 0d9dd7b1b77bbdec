package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// States returns the state of each recorded resource; actual is nil where the host can't be asked.
//
// A container is Pending while it has no task, Ready while it runs, Paused or Pausing while it is frozen, Stopped when
// it exited with 0 or the user stopped it, Failed when it exited otherwise or was killed, and Unknown where containerd
// can't tell. A level is Pending when a part of its own is missing on the host or not as it was made (cgroup, network,
// containerd namespace), as a cell without containers is; else it is as the first of these that any container in it is:
// Unknown, Failed, Pending, Pausing; else, with none running, Paused or Stopped; else Ready. One that ended as it may
// counts as running.
func States(prior *state.State, actual *plan.Actual) map[resource.Path]*plan.Live {
	states := map[resource.Path]*plan.Live{}
	tallies := map[resource.Path]*tally{}
	var names *plan.Hosts
	if actual != nil {
		names = plan.NewHosts(plan.NamesOf(prior))
	}
	kills := plan.NewOOMKills(prior, actual)
	for _, p := range slices.Backward(prior.Paths()) {
		r := prior.Records[p]
		live := &plan.Live{Record: r}
		states[p] = live
		if tallies[p] == nil {
			tallies[p] = &tally{states: map[string]int{}, incomplete: map[resource.Kind]int{}}
		}
		switch p.Kind() {
		case resource.KindContainer:
			containerState(live, actual, kills)
		case resource.KindVolume:
			volumeState(live, actual)
			continue
		default:
			levelState(live, actual, tallies[p], names)
		}
		if parent := p.Parent(); parent != "" {
			if tallies[parent] == nil {
				tallies[parent] = &tally{states: map[string]int{}, incomplete: map[resource.Kind]int{}}
			}
			tallies[parent].add(live, tallies[p])
		}
	}
	return states
}

// tally counts the resources below a resource.
type tally struct {
	// states counts the containers by their states, and as Pending also the levels that are incomplete themselves.
	states map[string]int
	all    int // containers
	// incomplete counts the levels of which parts of their own are missing.
	incomplete map[resource.Kind]int
	// containers are those of a cell.
	containers []*plan.Live
	// lacks says that the level itself is incomplete.
	lacks bool
}

func (t *tally) add(live *plan.Live, below *tally) {
	if c, ok := live.Record.Spec.(*resource.Container); ok {
		counted := live.State
		if counted == plan.StateStopped && (live.Record.Status.Run == "" || pauseEnded(live.Record, live.Container)) && plan.MayEnd(c) {
			counted = plan.StateReady
		}
		t.states[counted]++
		t.all++
		t.containers = append(t.containers, live)
		return
	}
	for name, n := range below.states {
		t.states[name] += n
	}
	for kind, n := range below.incomplete {
		t.incomplete[kind] += n
	}
	t.all += below.all
	if below.lacks {
		t.states[plan.StatePending]++ // something of its own is missing, whatever is in it
		t.incomplete[live.Record.Path.Kind()]++
	}
}

// volumeState sets the state of a volume in l: Ready, unless its data is gone. No other state follows from it.
func volumeState(l *plan.Live, actual *plan.Actual) {
	switch {
	case actual == nil:
		l.State = plan.StateUnknown
		return
	case actual.LostPlaces[l.Record.Status.Volume.Place]:
		l.State, l.Detail = plan.StatePending, "no directory"
		return
	}
	l.State = plan.StateReady
	if l.Record.IsKept() {
		l.Detail = "kept"
	}
}

// containerState sets the state of a container in l.
func containerState(l *plan.Live, actual *plan.Actual, kills *plan.OOMKills) {
	if actual == nil {
		l.State = plan.StateUnknown
		return
	}
	l.Container = actual.Container(l.Record.Status.Namespace, l.Record.Status.ContainerID)
	l.State = l.Container.State()
	down := l.Container != nil && l.State == plan.StatePending
	switch {
	case l.Container != nil && l.Container.Status == plan.TaskStopped:
		l.Exit = &state.Exit{Code: l.Container.ExitCode, At: l.Container.FinishedAt}
	case down:
		l.Exit = l.Record.Status.Exit
	}
	switch {
	case l.Record.Status.Run == state.RunStopped && (down || l.Exit != nil), down && l.Exit != nil && l.Exit.Code == 0 && l.Record.Status.Run == "":
		l.State = plan.StateStopped
	case down && l.Exit != nil:
		l.State = plan.StateFailed
	}
	l.Killed = kills.In(l.Record.Path)
	l.Detail = containerDetail(l)
}

func containerDetail(l *plan.Live) string {
	switch {
	case l.Exit != nil:
		return plan.ExitText(l.Exit.Code, l.Killed, l.Record.Status.Run != "")
	case l.State == plan.StatePending && l.Container == nil:
		return "no container"
	case l.State == plan.StatePending && l.Container.Status == plan.TaskNone:
		return "no task"
	case l.State == plan.StatePending:
		return "task not started"
	}
	var details []string
	switch {
	case l.State != plan.StateReady:
	case l.Health != nil:
		details = append(details, l.Health.State)
		if n := l.Health.Restarts; n > 0 {
			details = append(details, fmt.Sprintf("restarted %d× as unhealthy", n))
		}
	case l.Record.Status.Health != nil:
		details = append(details, l.Record.Status.Health.State)
	}
	if l.Killed != nil {
		details = append(details, l.Killed.String())
	}
	return strings.Join(details, ", ")
}

// levelState sets the state of a realm, space, stack or cell in l.
func levelState(l *plan.Live, actual *plan.Actual, t *tally, names *plan.Hosts) {
	if actual == nil {
		l.State = plan.StateUnknown
		return
	}
	if missing := missingParts(l, actual, t, names); len(missing) > 0 {
		l.State, l.Detail, t.lacks = plan.StatePending, strings.Join(missing, "; "), true
		return
	}
	running := t.states[plan.StateReady]
	for _, name := range []string{plan.StateUnknown, plan.StateFailed, plan.StatePending, plan.StatePausing} {
		if t.states[name] > 0 {
			l.State = name
			break
		}
	}
	broken := l.State != ""
	switch {
	case broken:
	case running > 0 || t.all == 0:
		l.State = plan.StateReady
	case t.states[plan.StatePaused] == t.all:
		l.State = plan.StatePaused
	default:
		l.State = plan.StateStopped
	}
	var details []string
	if running < t.all && (running > 0 || broken) {
		details = append(details, fmt.Sprintf("%d/%d", running, t.all))
	}
	if incomplete := t.incompleteText(); incomplete != "" {
		details = append(details, incomplete)
	}
	l.Detail = strings.Join(details, ", ")
}

// incompleteText says how many levels of each kind are incomplete, or returns "".
func (t *tally) incompleteText() string {
	var counts []string
	for _, kind := range resource.Kinds {
		switch n := t.incomplete[kind]; {
		case n == 1:
			counts = append(counts, "1 "+kind.Lower())
		case n > 1:
			counts = append(counts, fmt.Sprintf("%d %ss", n, kind.Lower()))
		}
	}
	if len(counts) == 0 {
		return ""
	}
	return strings.Join(counts, " and ") + " incomplete"
}

// missingParts says which of a level's own parts are missing on the host, or not as they were made.
func missingParts(l *plan.Live, actual *plan.Actual, t *tally, names *plan.Hosts) []string {
	var missing []string
	p, status := l.Record.Path, l.Record.Status
	if p.Kind() == resource.KindRealm && actual.Namespaces[status.Namespace] == nil {
		missing = append(missing, "no containerd namespace")
	}
	if _, cgroup := actual.Cgroups[status.Cgroup]; !cgroup {
		missing = append(missing, "no cgroup")
	}
	if p.Kind() == resource.KindCell && t.all == 0 {
		missing = append(missing, "no container")
	}
	flaws := actual.Networks[p]
	if p.Kind() == resource.KindCell {
		flaws = cellFlaws(actual, l.Record, t.containers, names)
	}
	if len(flaws) > 0 {
		missing = append(missing, "network incomplete: "+shortList(flaws))
	}
	return missing
}

// cellFlaws returns the differences of a recorded cell's network from its record.
func cellFlaws(a *plan.Actual, cell *state.Record, containers []*plan.Live, names *plan.Hosts) []string {
	had := cell.Status.Attachment
	if had == nil {
		return nil
	}
	var root *plan.Container
	for _, l := range containers {
		if l.Record.Spec.(*resource.Container).Root {
			root = l.Container
		}
	}
	flaws := a.AttachmentFlaws(cell.Path, had, root)
	for _, l := range containers {
		if !l.Record.Spec.(*resource.Container).Root && !l.Record.Status.Imported && a.OutsideNetNS(cell.Path, root, l.Container) {
			flaws = append(flaws, fmt.Sprintf("container %s is in another network namespace", l.Record.Path.Name()))
		}
	}
	for _, file := range a.FileFlaws(cell.Path, names.File(cell.Path, had)) {
		flaws = append(flaws, file+" was changed")
	}
	return flaws
}

// shortList joins texts, with the first few in full.
func shortList(texts []string) string {
	const shown = 3
	text := strings.Join(texts[:min(shown, len(texts))], ", ")
	if more := len(texts) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
