package planner

import (
	"fmt"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// containers decides on containers: on their tasks, their images and the consequences of their root container's change.
type containers struct {
	in       *input
	draft    *draft
	check    *hostCheck
	triggers *triggers
	diags    *resource.Diagnostics
}

// newContainer decides on a container that no record knows: containerd may still have it, from an apply that
// was killed between making and recording it.
func (d *containers) newContainer(c *plan.Change, want *resource.Resource) *plan.Change {
	d.checkRoot(want)
	d.check.checkVolumes(want)
	o := d.in.orphans[c.Path]
	switch {
	case o == nil || o.container == nil:
	case d.draft.cellIsNew(c.Path.Parent()):
		d.replaceOrphan(c, o, "its cell is not recorded, so that its addresses are not known")
	case d.in.toReplace(c.Path):
		d.replaceOrphan(c, o, replaceAsked)
	case d.draft.rootMoves(c.Path) || o.namespace != c.After.Status.Namespace:
		d.replaceOrphan(c, o, "it was left unrecorded by an apply that was interrupted")
	case o.container.ID != c.After.Status.ContainerID:
		d.replaceOrphan(c, o, "it was renamed, and the record of that is gone")
	case o.container.Status != plan.TaskRunning:
		d.replaceOrphan(c, o, "an apply was interrupted while it made this container")
	case o.container.Labels[plan.LabelSpecDigest] != c.After.Status.SpecDigest:
		d.replaceOrphan(c, o, "an interrupted apply left it unrecorded, and it differs from the configuration")
	case d.in.outsideNetNS(c.Path, o.container):
		d.replaceOrphan(c, o, "it is not in the network namespace of its cell")
	case d.draft.remade(want) != "":
		d.replaceOrphan(c, o, d.draft.remade(want))
	case d.in.moved(plan.ImageKey{Namespace: o.namespace, Reference: want.Spec.(*resource.Container).Image}, o.container.Labels[plan.LabelImageDigest]):
		d.replaceOrphan(c, o, "it was made from another image of that name")
	default:
		c.Action, c.Diffs = plan.Adopt, nil
		c.Reasons = append(c.Reasons, "an apply was interrupted before it could record this container")
		c.After.Status.ImageDigest = o.container.Labels[plan.LabelImageDigest]
		return c
	}
	d.needImage(c, want)
	return c
}

func (d *containers) replaceOrphan(c *plan.Change, o *orphan, why string) {
	c.Action, c.Cause = plan.Replace, plan.CauseHost
	c.Before = o.record(c.Path)
	c.Reasons = append(c.Reasons, why)
}

// existingContainer adds to c the decisions for containers only: the cascade from their root container, and a task that can
// exit.
func (d *containers) existingContainer(c *plan.Change, want *resource.Resource) {
	d.checkRoot(want)
	d.check.checkVolumes(want)
	root := d.in.rootOf(c.Path.Parent())
	actual := d.in.actual.Container(c.Before.Status.Namespace, c.Before.Status.ContainerID)
	rootChange := d.draft.changes[root]
	switch {
	case actual == nil && c.Action != plan.Replace:
		c.Action = plan.Create
		c.Diffs = plan.Compare(nil, want.Spec)
		c.Reasons = append(c.Reasons, "removed outside of kuke: containerd does not have the container")
	case c.Action == plan.Replace:
	case d.in.toReplace(c.Path):
		c.Action, c.Cause = plan.Replace, plan.CauseRequest
		c.Reasons = append(c.Reasons, replaceAsked)
	case d.triggers.triggered[c.Path] != "":
		c.Action, c.Cause = plan.Replace, plan.CauseTrigger
		c.Reasons = append(c.Reasons, d.triggers.triggered[c.Path])
	case root == c.Path && d.draft.cellIsNew(c.Path.Parent()):
		c.Action, c.Cause = plan.Replace, plan.CauseHost
		c.Reasons = append(c.Reasons, "its cell is not recorded, so that its addresses are not known")
	case actual.Labels[plan.LabelSpecDigest] != c.Before.Status.SpecDigest && !d.in.importing(c.Path):
		c.Action, c.Cause = plan.Replace, plan.CauseHost
		c.Reasons = append(c.Reasons, outside+"containerd's container is not the one that was made")
	case root != c.Path && !d.in.imported(c.Path) && rootChange != nil && (rootChange.Action == plan.Replace || rootChange.Action == plan.Create):
		c.Action, c.Cause = plan.Replace, plan.CauseTrigger
		c.Reasons = append(c.Reasons, fmt.Sprintf("replaced because root container %s is %s", root, past(rootChange.Action)))
	case d.draft.remade(want) != "":
		c.Action, c.Cause = plan.Replace, plan.CauseTrigger
		c.Reasons = append(c.Reasons, d.draft.remade(want))
	case d.imageMoved(c, want):
		c.Action, c.Cause = plan.Replace, plan.CauseAttribute
	default:
		d.taskOf(c, want.Spec.(*resource.Container), actual, root)
	}
	if c.Action == plan.Create || c.Action == plan.Replace {
		c.After.Status.Run, c.After.Status.Exit = "", nil
		c.After.Status.Imported = false
		d.carry(c)
		c.After.Status.ContainerID, c.After.Status.Cgroup = d.draft.containerID(c.Path, c.After.Status.Namespace), d.draft.cgroup(c.Path, want.Spec)
		d.needImage(c, want)
	}
	if c.Start {
		d.check.checkProfile(want)
		if actual.Status == plan.TaskRunning { // one that has ended loses nothing by a start that fails
			d.check.checkHostPaths(want)
		}
	}
}

// carry has the files of a replaced container come into the volumes that it gets because its image declares them.
func (d *containers) carry(c *plan.Change) {
	if c.Action != plan.Replace {
		return
	}
	c.Carried = d.in.carried[c.Path]
	for _, carried := range c.Carried {
		c.Reasons = append(c.Reasons, fmt.Sprintf("its files in %s come into volume %s", carried.From, carried.To))
	}
}

// outside begins the reasons that no configuration gave.
const outside = "changed outside of kuke: "

// taskOf decides whether the task of a container that stays must be started.
func (d *containers) taskOf(c *plan.Change, want *resource.Container, actual *plan.Container, root resource.Path) {
	if d.in.staysDown(c.Before, actual) {
		d.heldBack(c, actual)
		return
	}
	c.After.Status.Run = ""
	ended := d.in.hasEnded(c.Path, want, actual)
	if ended && (root != c.Path || d.in.pinned(c.Path.Parent()) != 0 || !d.in.needsNetns(c.Path.Parent())) {
		return
	}
	c.After.Status.Exit = nil
	var why string
	switch {
	case ended:
		why = "the network namespace of its cell is gone, which other containers need"
	case actual.Status == plan.TaskNone:
		why = missing(c.Before.Status.Run)
	case actual.Status == plan.TaskCreated:
		why = "its task was never started"
	case d.restarts(c, want, actual):
		return
	case actual.Status == plan.TaskStopped:
		why = plan.ExitReason(actual.ExitCode, d.in.kills.In(c.Path))
	case actual.Status == plan.TaskPaused:
		d.unpause(c)
		return
	case actual.Status == plan.TaskUnknown:
		why = "containerd does not know the state of its task"
	case d.draft.rootMoves(c.Path):
		why = fmt.Sprintf("restarted because root container %s is started with a new network namespace", root)
	case d.in.outsideNetNS(c.Path, actual):
		why = "restarted because it is not in the network namespace of its cell"
	case d.in.lostProfile(c.Path, want, actual):
		why = fmt.Sprintf(outside+"it runs unconfined: its AppArmor profile %s was removed", want.AppArmorProfile())
	case d.in.actual.Unhealthy[c.Before.Path] != "" && !d.in.opts.ByHand && restartsUnhealthy(want):
		why = unhealthyReason(d.in.actual.Unhealthy[c.Before.Path])
	default:
		d.repairFiles(c)
		d.watched(c, want, actual)
		d.scored(c, want, actual)
		return
	}
	if pauseEnded(c.Before, actual) && actual.Status != plan.TaskRunning {
		why = "it was paused, and the pause ended with its task"
	}
	c.Reasons = append(c.Reasons, why)
	c.Start = true
	if c.Action == "" {
		c.Action = plan.Start
		if actual.Status == plan.TaskRunning {
			c.Action = plan.Restart
		}
	}
}

// missing says why a container that run says the user has stopped has no task. The record of a stop may come from a refresh.
func missing(run string) string {
	switch run {
	case state.RunStopped:
		return "it was stopped by kuke stop, or recorded as stopped by --refresh-only"
	case state.RunKilled:
		return "it was killed by kuke kill"
	}
	return "its task is missing"
}

// watched makes sure that containerd keeps to the restart policy of a container that stays as it is.
func (d *containers) watched(c *plan.Change, want *resource.Container, actual *plan.Container) {
	policy := want.RestartPolicy
	if policy == "no" {
		policy = ""
	}
	if c.Action != "" || policy == actual.RestartPolicy {
		return
	}
	c.Action = plan.Update
	c.Reasons = append(c.Reasons, outside+"containerd does not keep to its restart policy")
}

// checkRoot makes sure that the cell of a wanted container will have exactly one root container.
func (d *containers) checkRoot(want *resource.Resource) {
	cell := want.Path.Parent()
	root := d.in.priorRoots[cell]
	switch {
	case d.in.rootOf(cell) == "" && !d.in.declaresCell(cell):
		d.diags.Errorf(want.Declared, want.Path, "No root container",
			"container %s is the only one of its cell, and not its root: set root = true, or declare the cell with its root container.", want.Path)
	case want.Spec.(*resource.Container).Root && d.in.staysRoot(root) && root != want.Path:
		d.diags.Errorf(want.RangeOf("root"), want.Path, "Two root containers",
			"container %s has root = true, but cell %s has the root container %s. Remove root = true, or declare the whole cell with that container.", want.Path, cell, root)
	}
}

// past returns the past participle of an action.
func past(a plan.Action) string {
	word := string(a)
	switch {
	case strings.HasSuffix(word, "e"): // update
		return word + "d"
	case a == plan.Stop:
		return "stopped"
	case a == plan.Shutdown:
		return "shut down"
	case a == plan.Forget:
		return "forgotten"
	}
	return word + "ed"
}

// restarts reports whether containerd's restart monitor is about to start the container, whose task has exited, and warns
// of it: containerd's own restart is no change. A start on request doesn't wait for the monitor.
func (d *containers) restarts(c *plan.Change, want *resource.Container, actual *plan.Container) bool {
	if d.in.startAsked(c.Path) || d.triggers.awaitedNow[c.Path] || !d.in.actual.Monitored(c.Before, want.RestartPolicy, actual) {
		return false
	}
	d.draft.restarting[c.Path] = true
	times := ""
	if actual.Restarts > 0 {
		times = fmt.Sprintf(", %d times so far", actual.Restarts)
	}
	d.diags.Warnf(d.in.desired.Resource(c.Path).RangeOf("restartPolicy"), c.Path, "Container exited",
		"container %s is down: %s. containerd restarts it, as its restart policy %s says%s. To see why it exited, run: kuke logs %s.",
		c.Path, plan.ExitReason(actual.ExitCode, d.in.kills.In(c.Path)), want.RestartPolicy, times, c.Path)
	return true
}

// pauseEnded reports whether the recorded container was paused by the user, and the task that was paused is gone, as after
// a reboot. Other than a stop, a pause holds no longer than its task.
func pauseEnded(r *state.Record, c *plan.Container) bool {
	if r.Status.Run != state.RunPaused || c == nil {
		return false
	}
	switch c.Status {
	case plan.TaskNone, plan.TaskCreated, plan.TaskStopped:
		return true
	case plan.TaskRunning:
		return r.Status.UpdatedAt != nil && c.StartedAt.After(*r.Status.UpdatedAt)
	}
	return false
}

// heldBack makes sure that a container which the user has stopped or paused is so.
func (d *containers) heldBack(c *plan.Change, actual *plan.Container) {
	if c.Action != "" {
		return
	}
	run := c.Before.Status.Run
	switch {
	case run == state.RunPaused && actual.Status == plan.TaskRunning:
		c.Action = plan.Pause
	case run != state.RunPaused && (actual.Status == plan.TaskRunning || actual.Status == plan.TaskPaused):
		c.Action = plan.Stop
	default:
		return
	}
	c.Reasons = append(c.Reasons, fmt.Sprintf(outside+"it runs, but was %s by kuke: start it with kuke start, or kuke apply --start", run))
}

// unpause thaws a container that somebody else has frozen, or that the user has and now wants to run.
func (d *containers) unpause(c *plan.Change) {
	if c.Before.Status.Run == "" {
		c.Reasons = append(c.Reasons, outside+"it is paused")
	}
	if c.Action == "" {
		c.Action = plan.Unpause
	}
}

// scored makes sure that the kernel would choose a running container for an OOM kill as readily as its spec says. That of an
// imported container is its maker's.
func (d *containers) scored(c *plan.Change, want *resource.Container, actual *plan.Container) {
	if actual.OOMScoreAdj == nil || *actual.OOMScoreAdj == want.OOMScoreAdj || c.Action != "" || d.in.imported(c.Path) {
		return
	}
	c.Action = plan.Update
	c.Reasons = append(c.Reasons, fmt.Sprintf(outside+"its OOM score adjustment is %d, not %d", *actual.OOMScoreAdj, want.OOMScoreAdj))
}
