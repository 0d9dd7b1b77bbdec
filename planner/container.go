package planner

import (
	"fmt"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// containers decides on containers: on their tasks, images and what their root container brings with it.
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
		d.replaceOrphan(c, o, "it was left unrecorded by an apply that was interrupted, and differs from what is wanted")
	case d.in.strayed(c.Path, o.container):
		d.replaceOrphan(c, o, "it is not in the network namespace of its cell")
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
	c.Action = plan.Replace
	c.Before = o.record(c.Path)
	c.Reasons = append(c.Reasons, why)
}

// existingContainer adds to c what only containers have: the cascade from their root container, and a task
// that can end.
func (d *containers) existingContainer(c *plan.Change, want *resource.Resource) {
	d.checkRoot(want)
	root := d.in.rootOf(c.Path.Parent())
	actual := d.in.actual.Container(c.Before.Status.Namespace, c.Before.Status.ContainerID)
	rootChange := d.draft.changes[root]
	switch {
	case actual == nil && c.Action != plan.Replace:
		c.Action = plan.Create
		c.Diffs = plan.Compare(nil, want.Spec)
		c.Reasons = append(c.Reasons, "removed outside of kuke: containerd has no such container")
	case c.Action == plan.Replace:
	case d.in.toReplace(c.Path):
		c.Action = plan.Replace
		c.Reasons = append(c.Reasons, replaceAsked)
	case d.triggers.triggered[c.Path] != "":
		c.Action = plan.Replace
		c.Reasons = append(c.Reasons, d.triggers.triggered[c.Path])
	case root == c.Path && d.draft.cellIsNew(c.Path.Parent()):
		c.Action = plan.Replace
		c.Reasons = append(c.Reasons, "its cell is not recorded, so that its addresses are not known")
	case actual.Labels[plan.LabelSpecDigest] != c.Before.Status.SpecDigest && !d.in.importing(c.Path):
		c.Action = plan.Replace
		c.Reasons = append(c.Reasons, outside+"containerd's container is not the one that was made")
	case root != c.Path && !d.in.imported(c.Path) && rootChange != nil && (rootChange.Action == plan.Replace || rootChange.Action == plan.Create):
		c.Action = plan.Replace
		c.Reasons = append(c.Reasons, fmt.Sprintf("replaced because root container %s is %s", root, past(rootChange.Action)))
	case d.imageMoved(c, want):
		c.Action = plan.Replace
	default:
		d.taskOf(c, want.Spec.(*resource.Container), actual, root)
	}
	if c.Action == plan.Create || c.Action == plan.Replace {
		c.After.Status.Run, c.After.Status.Exit = "", nil
		c.After.Status.Imported = false
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
		why = "its task is missing"
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
		why = fmt.Sprintf("restarted because root container %s is started and makes the network namespace anew", root)
	case d.in.strayed(c.Path, actual):
		why = "restarted because it is not in the network namespace of its cell"
	case d.in.lostProfile(c.Path, want, actual):
		why = fmt.Sprintf(outside+"it runs unconfined: its AppArmor profile %s was removed", want.AppArmorProfile())
	default:
		d.mendSecrets(c)
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
			"container %s is to be the root of cell %s, which has the root container %s: take out root = true, or declare the whole cell with that container.", want.Path, cell, root)
	}
}

// needImage makes sure that the image of a container that will be made can be had, and notes its digest. It
// also makes sure that the paths of the host it uses are there.
func (d *containers) needImage(c *plan.Change, want *resource.Resource) {
	spec := want.Spec.(*resource.Container)
	key := plan.ImageKey{Namespace: c.After.Status.Namespace, Reference: spec.Image}
	digest := d.in.digestOf(key)
	switch {
	case digest == "" && spec.PullPolicy == resource.PullNever:
		d.diags.Errorf(want.RangeOf("image"), want.Path, "Image not found",
			"container %s needs image %s, which is not in containerd namespace %s, and its pull policy is never. Bring it in with: kuke image import --realm %s FILE.",
			want.Path, spec.Image, key.Namespace, want.Path.Realm())
	case digest == "" && resource.PinnedDigest(spec.Image) != "":
		d.diags.Errorf(want.RangeOf("image"), want.Path, "Image not found",
			"container %s needs image %s, but no image of containerd namespace %s has this digest, and it can't be pulled: %s. "+
				"Check the digest (kuke image list --realm %s shows those that are there), or import an image that has it: kuke image import --realm %s FILE.",
			want.Path, spec.Image, key.Namespace, d.in.actual.Images[key].Err, want.Path.Realm(), want.Path.Realm())
	case digest == "":
		d.diags.Errorf(want.RangeOf("image"), want.Path, "Image not found",
			"container %s needs image %s, which is not in containerd namespace %s and can't be pulled: %s. "+
				"Check the name, or bring it in with: kuke image import --realm %s FILE.",
			want.Path, spec.Image, key.Namespace, d.in.actual.Images[key].Err, want.Path.Realm())
	}
	c.After.Status.ImageDigest = digest
	d.check.checkProfile(want)
	d.check.checkHostPaths(want)
	d.check.checkFlaws(want, c.After)
}

func past(a plan.Action) string {
	switch a {
	case plan.Create, plan.Delete, plan.Replace:
		return string(a) + "d"
	}
	return string(a) + "ed"
}
