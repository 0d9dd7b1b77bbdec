package planner

import (
	"fmt"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/internal/allocate"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// decider finds the change of each resource, parents first and a cell's root container before the others, so that a change
// is known before its dependents are decided.
type decider struct {
	in         *input
	draft      *draft
	check      *hostCheck
	containers *containers
	prune      *pruner
	diags      *resource.Diagnostics
}

// decideAll decides on every resource once, where t holds the changes that follow from earlier decisions.
func decideAll(in *input, s *scope, t *triggers, diags *resource.Diagnostics) *draft {
	d := newDraft(in, s)
	check := &hostCheck{in: in, diags: diags}
	decider := &decider{
		in: in, draft: d, check: check, diags: diags, prune: &pruner{in: in, draft: d, diags: diags},
		containers: &containers{in: in, draft: d, check: check, triggers: t, diags: diags},
	}
	d.order = in.paths()
	for _, now := range []func(resource.Path) bool{holdsVolumes, resource.Path.IsVolume, mountsVolumes} {
		for _, p := range d.order {
			if !now(p) || !d.targeted(p) {
				continue
			}
			if c := decider.decide(p); c != nil {
				d.changes[p] = c
			}
		}
	}
	return d
}

// holdsVolumes reports whether p is of a kind that volumes can be in: their changes are known before those of volumes, which are
// known before those of containers.
func holdsVolumes(p resource.Path) bool { return !p.IsVolume() && resource.KindVolume.BelongsIn(p) }

func mountsVolumes(p resource.Path) bool { return !p.IsVolume() && !holdsVolumes(p) }

func (d *decider) decide(p resource.Path) *plan.Change {
	want, have := d.in.desired.Resource(p), d.in.prior.Records[p]
	switch {
	case want == nil && p.IsVolume():
		return d.prune.decideUnwantedVolume(p, have)
	case want == nil:
		return d.prune.decideUnwanted(p, have)
	case want.External:
		if have == nil {
			d.diags.Errorf(want.Declared, p, "External resource is missing",
				"%s %s is declared external, but the state has no record of it. Create it first, or remove \"external\" to let this project create it.", p.Kind().Lower(), p)
		} else if d.draft.realmReplaced(p) && !p.IsVolume() {
			d.diags.Errorf(want.Declared, p, "External resource in the way",
				"realm %s is to be replaced with all it holds, but %s %s is managed elsewhere: move it to another realm first.", p.Realm(), p.Kind().Lower(), p)
		}
		return nil
	case !d.checkOwner(want, have):
		return nil
	}
	d.check.checkControllers(want)
	d.check.checkSwap(want)
	d.check.checkCPUs(want)
	d.check.checkReservation(want)
	d.check.checkSets(want)
	d.check.checkRestartPolicy(want)
	d.check.checkSecrets(want)
	d.check.checkJournal(want)
	after := d.recordOf(want)
	if have == nil {
		return d.decideNew(want, after)
	}
	return d.decideExisting(want, have, after)
}

// checkOwner makes sure that the project may change the wanted resource and make it where it is.
func (d *decider) checkOwner(want *resource.Resource, have *state.Record) bool {
	if have != nil && have.Status.Project != "" && !d.in.ours(have.Status.Project) {
		d.diags.Errorf(want.Declared, want.Path, "Resource of another project",
			"%s %s belongs to project %q, this is project %q. Declare it with external = true to use it without changes%s.",
			want.Path.Kind().Lower(), want.Path, have.Status.Project, d.in.opts.Project, d.in.orNamed(have.Status.Project))
		return false
	}
	parent := want.Path.Parent()
	if parent == "" || d.in.desired.Resource(parent) != nil {
		return true
	}
	record := d.in.prior.Records[parent]
	switch {
	case record == nil && d.in.opts.ByHand:
		d.diags.Errorf(want.Declared, want.Path, "Missing parent",
			"%s %s needs %s %s, which is not in the state. Create that first (kuke create %s %s), or name an existing parent with --realm, --space, --stack and --cell, or by a path.",
			want.Path.Kind().Lower(), want.Path, parent.Kind().Lower(), parent, parent.Kind().Lower(), parent)
	case record == nil:
		d.diags.Errorf(want.Declared, want.Path, "Missing parent",
			"%s %s needs %s %s, which is neither in the configuration nor in the state: declare it.",
			want.Path.Kind().Lower(), want.Path, parent.Kind().Lower(), parent)
	case record.Status.Project != "" && !d.in.ours(record.Status.Project):
		d.diags.Errorf(want.Declared, want.Path, "Parent of another project",
			"%s %s belongs to project %q: declare it here with external = true to put a %s into it%s.",
			parent.Kind().Lower(), parent, record.Status.Project, want.Path.Kind().Lower(), externalBlock(parent))
	default:
		return true
	}
	return false
}

// externalBlock returns the block that declares the resource at p as one of another project, as an example in brackets. It
// is for kinds whose block can be at the top level.
func externalBlock(p resource.Path) string {
	parent := ""
	if p.Parent() != "" {
		parent = fmt.Sprintf(" parent = %q", p.Parent())
	}
	return fmt.Sprintf(" (in HCL: %s %q {%s external = true }, with each argument on its own line)", p.Kind().Lower(), p.Name(), parent)
}

// recordOf returns the record that the wanted resource will have.
func (d *decider) recordOf(want *resource.Resource) *state.Record {
	r := &state.Record{Path: want.Path, Spec: want.Spec, Status: state.Status{Project: d.in.opts.Project}}
	have := d.in.prior.Records[want.Path]
	if want.Path.IsVolume() {
		r.Status.Volume = d.statusOfVolume(want.Path, have)
	} else {
		r.Status.Namespace = d.in.prior.Namespace(want.Path, d.in.desired)
		d.nameOnHost(r, have)
	}
	if d.in.opts.ByHand {
		r.Status.Project = ""
		if have != nil {
			r.Status.Project = have.Status.Project
		}
	}
	if have != nil {
		r.Status.CreatedAt, r.Status.FormerName = have.Status.CreatedAt, have.Status.FormerName
		r.Status.ImageDigest, r.Status.ImageHealthcheck = have.Status.ImageDigest, have.Status.ImageHealthcheck
		r.Status.Network, r.Status.Attachment, r.Status.Health = have.Status.Network, have.Status.Attachment, have.Status.Health
		r.Status.Run, r.Status.Exit = have.Status.Run, have.Status.Exit
	}
	r.Status.PreventDestroy = protected(want)
	if want.Path.Kind() == resource.KindContainer {
		r.Status.SpecDigest = resource.CreationDigest(want.Spec)
	}
	return r
}

// nameOnHost notes the names of the resource of r on the host: a recorded resource keeps its names, whatever its path was.
func (d *decider) nameOnHost(r, have *state.Record) {
	p := r.Path
	switch {
	case p.Kind() == resource.KindContainer && have != nil && have.Status.ContainerID != "":
		// An imported or renamed container keeps its id and its cgroup until it is replaced.
		r.Status.Imported, r.Status.ContainerID, r.Status.Cgroup = have.Status.Imported, have.Status.ContainerID, have.Status.Cgroup
	case p.Kind() == resource.KindContainer:
		r.Status.ContainerID, r.Status.Cgroup = d.draft.containerID(p, r.Status.Namespace), d.draft.cgroup(p, r.Spec)
	case have != nil && have.Status.Cgroup != "":
		r.Status.CellID, r.Status.Cgroup = have.Status.CellID, have.Status.Cgroup
	case p.Kind() == resource.KindCell:
		r.Status.CellID, r.Status.Cgroup = allocate.CellID(d.in.hostNames, p), d.draft.cgroup(p, r.Spec)
	default:
		r.Status.Cgroup = d.draft.cgroup(p, r.Spec)
	}
}

// decideNew decides on a wanted resource that no record knows.
func (d *decider) decideNew(want *resource.Resource, after *state.Record) *plan.Change {
	c := &plan.Change{Path: want.Path, Action: plan.Create, Diffs: plan.Compare(nil, want.Spec), After: after}
	switch want.Path.Kind() {
	case resource.KindContainer:
		return d.containers.newContainer(c, want)
	case resource.KindVolume:
		return d.newVolume(c, want)
	}
	return c
}

// decideExisting decides on a wanted resource that is recorded.
func (d *decider) decideExisting(want *resource.Resource, have, after *state.Record) *plan.Change {
	c := &plan.Change{Path: want.Path, Diffs: plan.Compare(have.Spec, want.Spec), Before: have, After: after}
	if len(c.Diffs) > 0 {
		c.Action = plan.Update
	}
	d.containers.renameImage(c)
	if have.Status.Project == "" && !d.in.opts.ByHand {
		c.Action = plan.Update
		c.Reasons = append(c.Reasons, fmt.Sprintf("made by hand, now taken into project %q", d.in.opts.Project))
	}
	for _, df := range c.Diffs {
		if df.ForcesReplacement {
			c.Action, c.Cause = plan.Replace, plan.CauseAttribute
		}
	}
	if c.Action == plan.Replace && want.Path.Kind() == resource.KindRealm {
		d.prune.checkForeign(c)
	}
	if d.draft.realmReplaced(want.Path) && !want.Path.IsVolume() {
		c.Action, c.Cause = plan.Replace, plan.CauseTrigger
		c.Reasons = append(c.Reasons, fmt.Sprintf("replaced because realm %s is replaced", want.Path.Realm()))
	}
	d.protect(c, want)
	switch want.Path.Kind() {
	case resource.KindVolume:
		d.existingVolume(c, want)
	case resource.KindContainer:
		d.drift(c, have)
		d.containers.existingContainer(c, want)
	default:
		d.drift(c, have)
	}
	if c.Action == "" {
		return nil
	}
	return c
}

// drift adds the changes outside of kuke that can be repaired in place.
func (d *decider) drift(c *plan.Change, have *state.Record) {
	if c.Action == plan.Replace {
		return
	}
	repair := func(format string, args ...any) {
		if c.Action == "" {
			c.Action = plan.Update
		}
		reason := fmt.Sprintf(format, args...)
		c.Reasons = append(c.Reasons, reason)
		d.draft.repaired[c.Path] = append(d.draft.repaired[c.Path], reason)
	}
	if have.Path.Kind() == resource.KindRealm {
		if ns := d.in.actual.Namespaces[have.Status.Namespace]; ns == nil {
			repair("containerd namespace %s is missing", have.Status.Namespace)
		} else if ns.Labels[plan.LabelKept] != "" {
			repair("containerd namespace %s bears the label of a realm that is destroyed", have.Status.Namespace)
		}
	}
	if _, exists := d.in.actual.Cgroups[have.Status.Cgroup]; !exists && have.Path.Kind() != resource.KindContainer {
		repair("cgroup %s is missing", have.Status.Cgroup)
	}
	if d.in.actual.Frozen[have.Status.Cgroup] && have.Path.Kind() != resource.KindContainer {
		repair(outside + "its cgroup is frozen")
	}
	if limits, ok := d.in.actual.Cgroups[have.Status.Cgroup]; ok && swapUnbounded(have, &limits) {
		repair("its memory limit does not bound swap yet")
	}
	if why := limitDrift(have, d.in.actual); why != "" {
		repair("%s", why)
	}
}
