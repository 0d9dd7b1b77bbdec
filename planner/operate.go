package planner

import (
	"fmt"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/internal/order"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Operation is an imperative command on recorded containers.
type Operation struct {
	// Action is Stop, Shutdown, Kill, Pause, Unpause or Restart.
	Action plan.Action
	// Paths name the containers, or their ancestors.
	Paths []resource.Path
	// Signal is, for Kill, the name of the one to send; with SIGKILL the container also stays down.
	Signal string
	// Unhealthy is, for Restart, the reason why the containers are unhealthy and restarted for that: the plan doesn't wait for them, and
	// leaves their recorded health.
	Unhealthy string
	// GraceSeconds replaces the grace periods of the containers, where not nil.
	GraceSeconds *int64
}

// OwnedContainers returns the recorded containers of the projects that owns picks. One that was made by hand belongs to
// the project of its cell, if that has one; else its project is empty.
func OwnedContainers(prior *state.State, owns func(project string) bool) []resource.Path {
	var owned []resource.Path
	for _, p := range prior.Paths() {
		if p.Kind() != resource.KindContainer {
			continue
		}
		owner := prior.Records[p].Status.Project
		if cell := prior.Records[p.Parent()]; owner == "" && cell != nil {
			owner = cell.Status.Project
		}
		if owns(owner) {
			owned = append(owned, p)
		}
	}
	return owned
}

// Operate plans an operation without the containers that it would not change: the plan may be empty. All of its steps can
// run at once, except those of Shutdown, which run in the reverse order of a start.
func Operate(prior *state.State, actual *plan.Actual, o Operation) (*plan.Plan, resource.Diagnostics) {
	var diags resource.Diagnostics
	pl := &plan.Plan{Prior: plan.PriorOf(prior), Changes: []*plan.Change{}, Steps: []plan.Step{}, Targets: o.Paths}
	seen := map[resource.Path]bool{}
	recorded := prior.Paths()
	for _, target := range o.Paths {
		found := false
		within := recorded
		if target.Kind() == resource.KindContainer { // a shutdown names each of them
			within = []resource.Path{target}
		}
		for _, p := range within {
			if p.Kind() != resource.KindContainer || !target.Contains(p) || prior.Records[p] == nil {
				continue
			}
			found = true
			if seen[p] {
				continue
			}
			seen[p] = true
			if c := o.change(prior, prior.Records[p], actual, p == target, &diags); c != nil {
				pl.Changes = append(pl.Changes, c)
			} else {
				pl.Unchanged = append(pl.Unchanged, prior.Records[p])
			}
		}
		if !found {
			diags.Errorf(resource.Range{}, target, "Nothing to "+string(o.Action), "%s has no container in the state.", target)
		}
	}
	if diags.HasErrors() {
		return nil, diags
	}
	var err error
	pl.Steps, pl.Images, err = order.Steps(order.Input{Changes: pl.Changes, Desired: resource.NewTree(), Prior: prior, Actual: actual})
	if err != nil {
		diags.Errorf(resource.Range{}, "", "Dependency cycle", "%v", err)
		return nil, diags
	}
	return pl, diags
}

// change returns the change of one container, or nil. An impossible one is an error where the container was named itself,
// and for a restart where containerd does not have the container: restarting a cell is meant to run all of it.
func (o Operation) change(prior *state.State, r *state.Record, actual *plan.Actual, named bool, diags *resource.Diagnostics) *plan.Change {
	c := actual.Container(r.Status.Namespace, r.Status.ContainerID)
	status := plan.TaskNone
	if c != nil {
		status = c.Status
	}
	refuse := func(why string) *plan.Change {
		if named && o.Action != plan.Shutdown || o.Action == plan.Restart {
			diags.Errorf(resource.Range{}, r.Path, "Can't "+string(o.Action), "container %s %s.", r.Path, why)
		}
		return nil
	}
	if c == nil {
		return refuse("is recorded, but containerd does not have the container. Create it again with kuke apply")
	}
	after, now := *r, &plan.Live{Record: r}
	change := &plan.Change{Path: r.Path, Action: o.Action, Before: r, After: &after, GraceSeconds: o.GraceSeconds}
	containerState(now, actual, plan.NewOOMKills(prior, actual))
	running := status == plan.TaskRunning || status == plan.TaskPaused || status == plan.TaskPausing
	if o.Action == plan.Unpause && !running && pauseEnded(r, c) {
		diags.Errorf(resource.Range{}, r.Path, "Can't unpause", "container %s was paused, and the pause ended with its task. Start it with: kuke start container %s.", r.Path, r.Path)
		return nil
	}
	switch o.Action {
	case plan.Stop, plan.Shutdown:
		if !o.stop(change, c, running) {
			return nil
		}
	case plan.Kill:
		if !running {
			return refuse("does not run: it is " + now.State)
		}
		if change.Signal = o.Signal; o.Signal == "SIGKILL" {
			after.Status.Run = state.RunKilled
		}
	case plan.Pause:
		switch status {
		case plan.TaskPaused:
			return nil
		case plan.TaskRunning:
		default:
			return refuse("does not run: it is " + now.State)
		}
		after.Status.Run = state.RunPaused
	case plan.Unpause:
		switch {
		case status == plan.TaskRunning && r.Status.Run == "":
			return nil
		case status != plan.TaskPaused:
			return refuse("is not paused: it is " + now.State)
		}
		after.Status.Run = ""
	case plan.Restart:
		if why := o.restart(change, actual); why != "" {
			return refuse(why)
		}
	}
	return change
}

// stop has a container stopped by change, or shut down, and reports whether that changes anything.
func (o Operation) stop(change *plan.Change, c *plan.Container, running bool) bool {
	r, after := change.Before, change.After
	if o.Action == plan.Stop {
		after.Status.Run = state.RunStopped
		return r.Status.Run != state.RunStopped || running
	}
	if c.Status == plan.TaskNone && c.RestartPolicy == "" {
		return false
	}
	after.Status.Exit = exitOf(r, c)
	if c.Status == plan.TaskStopped {
		change.Reasons = append(change.Reasons, fmt.Sprintf("it has exited with code %d, which is recorded", c.ExitCode))
	}
	return true
}

// restart has a container started again by c, or says why it can't be.
func (o Operation) restart(c *plan.Change, actual *plan.Actual) (why string) {
	spec := c.After.Spec.(*resource.Container)
	if profile := spec.AppArmorProfile(); profile != resource.DefaultAppArmorProfile && profile != "" && !actual.Profiles[profile] {
		return fmt.Sprintf("is to run under AppArmor profile %s, which the kernel has not loaded: load it first, with apparmor_parser --replace FILE", profile)
	}
	c.After.Status.Run, c.After.Status.Health, c.After.Status.Exit = "", nil, nil
	if check := c.After.Healthcheck(); check != nil && !sealedCheck(check) {
		c.Check = resource.Healthy
	}
	if o.Unhealthy != "" {
		c.Check, c.After.Status.Health = "", c.Before.Status.Health
		c.Reasons = append(c.Reasons, unhealthyReason(o.Unhealthy))
	}
	return ""
}

// unhealthyReason says that a container is restarted because its check fails.
func unhealthyReason(detail string) string { return "restarted because it is unhealthy: " + detail }

// exitOf returns how the container ended before it is shut down, which its task tells only until then, or nil where it is
// to run again.
func exitOf(r *state.Record, c *plan.Container) *state.Exit {
	switch {
	case c.Status == plan.TaskStopped:
		return &state.Exit{Code: c.ExitCode, At: c.FinishedAt.UTC().Truncate(time.Millisecond)}
	case c.Status == plan.TaskNone || r.Status.Run == state.RunStopped || r.Status.Run == state.RunKilled:
		return r.Status.Exit
	}
	return nil
}

// Recorded returns, as a configuration, the recorded resources at, below and above the paths, and the root containers of
// their cells.
func Recorded(prior *state.State, paths []resource.Path) *resource.Tree {
	tree := resource.NewTree()
	for _, p := range prior.Paths() {
		r := prior.Records[p]
		if r.IsKept() {
			continue // no configuration has it
		}
		spec, isContainer := r.Spec.(*resource.Container)
		for _, target := range paths {
			inCell := isContainer && spec.Root && target.Kind() == resource.KindContainer && p.Parent() == target.Parent()
			if target.Contains(p) || p.Contains(target) || inCell {
				tree.Add(&resource.Resource{Path: p, Spec: r.Spec})
				break
			}
		}
	}
	return tree
}
