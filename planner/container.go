package planner

import (
	"fmt"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// newContainer decides on a container that no record knows: containerd may still have it, from an apply that
// was killed between making and recording it.
func (d *decider) newContainer(c *plan.Change, want *resource.Resource) *plan.Change {
	d.checkRoot(want)
	o := d.orphans[c.Path]
	switch {
	case o == nil || o.container == nil:
	case d.cellIsNew(c.Path.Parent()):
		d.replaceOrphan(c, o, "its cell is not recorded, so that its addresses are not known")
	case d.toReplace(c.Path):
		d.replaceOrphan(c, o, replaceAsked)
	case d.rootMoves(c.Path) || o.namespace != c.After.Status.Namespace:
		d.replaceOrphan(c, o, "it was left unrecorded by an apply that was interrupted")
	case o.container.ID != c.After.Status.ContainerID:
		d.replaceOrphan(c, o, "it was renamed, and the record of that is gone")
	case o.container.Status != plan.TaskRunning:
		d.replaceOrphan(c, o, "an apply was interrupted while it made this container")
	case o.container.Labels[plan.LabelSpecDigest] != c.After.Status.SpecDigest:
		d.replaceOrphan(c, o, "it was left unrecorded by an apply that was interrupted, and differs from what is wanted")
	case d.strayed(c.Path, o.container):
		d.replaceOrphan(c, o, "it is not in the network namespace of its cell")
	case d.moved(plan.ImageKey{Namespace: o.namespace, Reference: want.Spec.(*resource.Container).Image}, o.container.Labels[plan.LabelImageDigest]):
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

func (d *decider) replaceOrphan(c *plan.Change, o *orphan, why string) {
	c.Action = plan.Replace
	c.Before = o.record(c.Path)
	c.Reasons = append(c.Reasons, why)
}

// cellIsNew reports whether no record tells how the cell, which is created, is on the network.
func (d *decider) cellIsNew(cell resource.Path) bool {
	c := d.changes[cell]
	return c != nil && c.Action == plan.Create
}

// existingContainer adds to c what only containers have: the cascade from their root container, and a task
// that can end.
func (d *decider) existingContainer(c *plan.Change, want *resource.Resource) {
	d.checkRoot(want)
	root := d.rootOf(c.Path.Parent())
	actual := d.actual.Container(c.Before.Status.Namespace, c.Before.Status.ContainerID)
	rootChange := d.changes[root]
	switch {
	case actual == nil && c.Action != plan.Replace:
		c.Action = plan.Create
		c.Diffs = plan.Compare(nil, want.Spec)
		c.Reasons = append(c.Reasons, "removed outside of kuke: containerd has no such container")
	case c.Action == plan.Replace:
	case d.toReplace(c.Path):
		c.Action = plan.Replace
		c.Reasons = append(c.Reasons, replaceAsked)
	case d.triggered[c.Path] != "":
		c.Action = plan.Replace
		c.Reasons = append(c.Reasons, d.triggered[c.Path])
	case root == c.Path && d.cellIsNew(c.Path.Parent()):
		c.Action = plan.Replace
		c.Reasons = append(c.Reasons, "its cell is not recorded, so that its addresses are not known")
	case actual.Labels[plan.LabelSpecDigest] != c.Before.Status.SpecDigest && !d.importing(c.Path):
		c.Action = plan.Replace
		c.Reasons = append(c.Reasons, outside+"containerd's container is not the one that was made")
	case root != c.Path && !d.imported(c.Path) && rootChange != nil && (rootChange.Action == plan.Replace || rootChange.Action == plan.Create):
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
		c.After.Status.ContainerID, c.After.Status.Cgroup = d.containerID(c.Path, c.After.Status.Namespace), d.cgroup(c.Path, want.Spec)
		d.needImage(c, want)
	}
	if c.Start {
		d.checkProfile(want)
		if actual.Status == plan.TaskRunning { // one that has ended loses nothing by a start that fails
			d.checkHostPaths(want)
		}
	}
}

// outside begins the reasons that no configuration gave.
const outside = "changed outside of kuke: "

// taskOf decides whether the task of a container that stays must be started.
func (d *decider) taskOf(c *plan.Change, want *resource.Container, actual *plan.Container, root resource.Path) {
	if d.staysDown(c.Before, actual) {
		d.heldBack(c, actual)
		return
	}
	c.After.Status.Run = ""
	ended := d.hasEnded(c.Path, want, actual)
	if ended && (root != c.Path || d.pinned(c.Path.Parent()) != 0 || !d.needsNetns(c.Path.Parent())) {
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
		why = plan.ExitReason(actual.ExitCode, d.kills.In(c.Path))
	case actual.Status == plan.TaskPaused:
		d.unpause(c)
		return
	case actual.Status == plan.TaskUnknown:
		why = "containerd does not know the state of its task"
	case d.rootMoves(c.Path):
		why = fmt.Sprintf("restarted because root container %s is started and makes the network namespace anew", root)
	case d.strayed(c.Path, actual):
		why = "restarted because it is not in the network namespace of its cell"
	case d.lostProfile(c.Path, want, actual):
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

// hasEnded reports whether the container has done its work: as containerd says, or, where a shutdown or a reboot has taken
// its task, as is recorded.
func (d *decider) hasEnded(p resource.Path, spec *resource.Container, actual *plan.Container) bool {
	if actual == nil || !plan.MayEnd(spec) && !d.awaited[p] {
		return false
	}
	if actual.Status == plan.TaskNone {
		r := d.prior.Records[p]
		return r != nil && r.Status.Run == "" && r.Status.Exit != nil && r.Status.Exit.Code == 0
	}
	return actual.Status == plan.TaskStopped && actual.ExitCode == 0
}

// needsNetns reports whether a container of the cell besides its root runs, or is to.
func (d *decider) needsNetns(cell resource.Path) bool {
	for _, r := range d.desired.Resources() {
		spec, ok := r.Spec.(*resource.Container)
		if !ok || r.Path.Parent() != cell || d.isRoot(r.Path) {
			continue
		}
		if !d.hasEnded(r.Path, spec, d.live(r.Path)) {
			return true
		}
	}
	return false
}

// checkRestartPolicy refuses a policy that this containerd doesn't keep to: 1.6 takes every one for always, which makes
// no difference to unless-stopped.
func (d *decider) checkRestartPolicy(want *resource.Resource) {
	c, ok := want.Spec.(*resource.Container)
	if !ok || c.RestartPolicy == "" || c.RestartPolicy == "no" {
		return
	}
	kept := d.actual.RestartPolicies
	if d.actual.Keeps(c.RestartPolicy) {
		return
	}
	known := "has no restart monitor"
	if len(kept) > 0 {
		known = "only keeps to " + strings.Join(kept, ", ")
	}
	d.diags.Errorf(want.RangeOf("restartPolicy"), want.Path, "Restart policy can't be kept",
		"container %s has the restart policy %s, but containerd %s %s: use containerd 1.7 or later, or another policy.", want.Path, c.RestartPolicy, d.actual.Version, known)
}

// watched makes sure that containerd keeps to the restart policy of a container that stays as it is.
func (d *decider) watched(c *plan.Change, want *resource.Container, actual *plan.Container) {
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

// strayed reports whether a running container that isn't its cell's root is in another network namespace
// than the running root, or than the one pinned for the cell.
func (d *decider) strayed(p resource.Path, c *plan.Container) bool {
	root := d.rootOf(p.Parent())
	return root != p && root != "" && !d.imported(p) && d.actual.Strayed(p.Parent(), d.live(root), c)
}

// live returns what containerd has of the container at p where it is, or will be, or nil.
func (d *decider) live(p resource.Path) *plan.Container {
	id := resource.ContainerID(p)
	if owner := d.host().Containers[[2]string{d.prior.Namespace(p, d.desired), id}]; owner != "" && owner != p {
		id = "" // it was moved from here
	}
	if r := d.prior.Records[p]; r != nil && r.Status.ContainerID != "" {
		id = r.Status.ContainerID
	} else if o := d.orphans[p]; r == nil && o != nil && o.container != nil {
		id = o.container.ID
	}
	return d.actual.Container(d.prior.Namespace(p, d.desired), id)
}

// checkRoot makes sure that the cell of a wanted container will have exactly one root container.
func (d *decider) checkRoot(want *resource.Resource) {
	cell := want.Path.Parent()
	root := d.priorRoots[cell]
	switch {
	case d.rootOf(cell) == "" && !d.declaresCell(cell):
		d.diags.Errorf(want.Declared, want.Path, "No root container",
			"container %s is the only one of its cell, and not its root: set root = true, or declare the cell with its root container.", want.Path)
	case want.Spec.(*resource.Container).Root && d.staysRoot(root) && root != want.Path:
		d.diags.Errorf(want.RangeOf("root"), want.Path, "Two root containers",
			"container %s is to be the root of cell %s, which has the root container %s: take out root = true, or declare the whole cell with that container.", want.Path, cell, root)
	}
}

// declaresCell reports whether the configuration declares the cell, and not as one that is managed elsewhere.
func (d *decider) declaresCell(cell resource.Path) bool {
	want := d.desired.Resource(cell)
	return want != nil && !want.External
}

// staysRoot reports whether the recorded root container at p is not declared, nor deleted for that, and so remains one.
func (d *decider) staysRoot(p resource.Path) bool {
	if p == "" {
		return false
	}
	want := d.desired.Resource(p)
	return want != nil && want.External || want == nil && (!d.declaresCell(p.Parent()) || !d.ours(d.prior.Records[p].Status.Project))
}

// needImage makes sure that the image of a container that will be made can be had, and notes its digest. It
// also makes sure that the paths of the host it uses are there.
func (d *decider) needImage(c *plan.Change, want *resource.Resource) {
	spec := want.Spec.(*resource.Container)
	key := plan.ImageKey{Namespace: c.After.Status.Namespace, Reference: spec.Image}
	digest := d.digestOf(key)
	switch {
	case digest == "" && spec.PullPolicy == resource.PullNever:
		d.diags.Errorf(want.RangeOf("image"), want.Path, "Image not found",
			"container %s needs image %s, which is not in containerd namespace %s, and its pull policy is never. Bring it in with: kuke image import --realm %s FILE.",
			want.Path, spec.Image, key.Namespace, want.Path.Realm())
	case digest == "" && resource.PinnedDigest(spec.Image) != "":
		d.diags.Errorf(want.RangeOf("image"), want.Path, "Image not found",
			"container %s needs image %s, but no image of containerd namespace %s has this digest, and it can't be pulled: %s. "+
				"Check the digest (kuke image list --realm %s shows those that are there), or import an image that has it: kuke image import --realm %s FILE.",
			want.Path, spec.Image, key.Namespace, d.actual.Images[key].Err, want.Path.Realm(), want.Path.Realm())
	case digest == "":
		d.diags.Errorf(want.RangeOf("image"), want.Path, "Image not found",
			"container %s needs image %s, which is not in containerd namespace %s and can't be pulled: %s. "+
				"Check the name, or bring it in with: kuke image import --realm %s FILE.",
			want.Path, spec.Image, key.Namespace, d.actual.Images[key].Err, want.Path.Realm())
	}
	c.After.Status.ImageDigest = digest
	d.checkProfile(want)
	d.checkHostPaths(want)
	d.checkFlaws(want, c.After)
}

// checkFlaws makes sure that a container which will be made can run, as far as its image tells. What is pulled isn't there yet to
// be looked into: the step that prepares the container does.
func (d *decider) checkFlaws(want *resource.Resource, after *state.Record) {
	spec := want.Spec.(*resource.Container)
	if local := d.actual.Images[plan.ImageKey{Namespace: after.Status.Namespace, Reference: spec.Image}].Local; local == "" || local != after.Status.ImageDigest {
		return
	}
	for _, f := range d.actual.Flaws[want.Path] {
		d.diags.Errorf(want.RangeOf(f.Attribute), want.Path, f.Summary, "container %s %s", want.Path, f.Text)
	}
}

// checkHostPaths makes sure that the paths of the host are there that a container which will be made uses.
func (d *decider) checkHostPaths(want *resource.Resource) {
	spec := want.Spec.(*resource.Container)
	for _, v := range spec.Volumes {
		if d.actual.MissingPaths[v.Source] {
			d.diags.Errorf(want.RangeOf("volumes"), want.Path, "Volume source is missing",
				"container %s mounts %s at %s, but this host has no %s: create it first.", want.Path, v.Source, v.Target, v.Source)
		}
	}
	for _, device := range spec.Devices {
		if host := resource.DeviceHostPath(device); d.actual.MissingPaths[host] {
			d.diags.Errorf(want.RangeOf("devices"), want.Path, "Device is missing", "container %s uses device %s, which this host doesn't have.", want.Path, host)
		} else if d.actual.NotDevices[host] {
			d.diags.Errorf(want.RangeOf("devices"), want.Path, "Not a device", "container %s uses %s as a device, but on this host it is none, nor a directory that holds any. Mount it as a volume, or correct the path.", want.Path, host)
		}
	}
}

func past(a plan.Action) string {
	switch a {
	case plan.Create, plan.Delete, plan.Replace:
		return string(a) + "d"
	}
	return string(a) + "ed"
}
