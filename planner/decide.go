package planner

import (
	"fmt"
	"sort"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/internal/allocate"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// decider finds the change of each resource, parents first and a cell's root container before the others,
// so that what a change brings with it is known when its dependents' turn comes.
type decider struct {
	desired *resource.Tree
	prior   *state.State
	actual  *plan.Actual
	opts    Options
	// orphans are containers that bear our labels and that no state knows.
	orphans map[resource.Path]*orphan
	kills   *plan.OOMKills
	// desiredRoots and priorRoots hold the root container of each cell that has one.
	desiredRoots, priorRoots map[resource.Path]resource.Path
	// needed holds what is above a desired resource.
	needed map[resource.Path]bool

	// targets are those of the options and the cells they depend on, attachTo further spaces they need, moving the cells
	// that get other addresses because of a target.
	targets  []resource.Path
	attachTo map[resource.Path]bool
	moving   []resource.Path
	// triggered says of containers why they are replaced although nothing of their own changes.
	triggered map[resource.Path]string
	// awaited holds the containers that others wait for until they have completed.
	awaited map[resource.Path]bool
	// restarting holds the containers that are left to containerd's restart monitor, awaitedNow those that are not, because
	// containers that the plan starts wait for them.
	restarting, awaitedNow map[resource.Path]bool

	order   []resource.Path
	changes map[resource.Path]*plan.Change
	// hostNames is what [decider.host] returns, once it was asked for.
	hostNames *state.HostNames
	names     []plan.SpaceNames
	diags     resource.Diagnostics
}

func (d *decider) decideAll() {
	d.restarting = map[resource.Path]bool{}
	for _, p := range d.paths() {
		d.order = append(d.order, p)
		if !d.targeted(p) {
			continue
		}
		if c := d.decide(p); c != nil {
			d.changes[p] = c
		}
	}
}

// paths returns every path that is desired, recorded or found, in the order of decision.
func (d *decider) paths() []resource.Path {
	seen := map[resource.Path]bool{}
	var paths []resource.Path
	add := func(p resource.Path) {
		if !seen[p] {
			seen[p] = true
			paths = append(paths, p)
		}
	}
	for _, r := range d.desired.Resources() {
		add(r.Path)
	}
	for p := range d.prior.Records {
		add(p)
	}
	for p := range d.orphans {
		add(p)
	}
	sort.Slice(paths, func(i, j int) bool {
		a, b := paths[i], paths[j]
		if a.Parent() == b.Parent() && a.Kind() == resource.KindContainer && d.isRoot(a) != d.isRoot(b) {
			return d.isRoot(a)
		}
		return resource.ComparePaths(a, b) < 0
	})
	return paths
}

// isRoot reports whether the container at p is its cell's root, as it will be.
func (d *decider) isRoot(p resource.Path) bool { return p == d.rootOf(p.Parent()) }

// rootOf returns the root container of a cell as it will be, or the empty path.
func (d *decider) rootOf(cell resource.Path) resource.Path {
	if root := d.desiredRoots[cell]; root != "" {
		return root
	}
	return d.priorRoots[cell]
}

// findRoots notes the root container of each cell, as desired and as recorded, and what desired resources need
// above them.
func (d *decider) findRoots() {
	d.desiredRoots, d.priorRoots, d.needed = map[resource.Path]resource.Path{}, recordedRoots(d.prior), map[resource.Path]bool{}
	for _, r := range d.desired.Resources() {
		for p := r.Path.Parent(); p != "" && !d.needed[p]; p = p.Parent() {
			d.needed[p] = true
		}
		if c, ok := r.Spec.(*resource.Container); ok && c.Root {
			d.desiredRoots[r.Path.Parent()] = r.Path
		}
	}
	d.findAwaited()
}

// findAwaited notes the containers that must complete before others are started.
func (d *decider) findAwaited() {
	d.awaited = map[resource.Path]bool{}
	for _, r := range d.desired.Resources() {
		switch spec := r.Spec.(type) {
		case *resource.Container:
			for _, on := range spec.DependsOn {
				if on.Condition == resource.Completed {
					d.awaited[r.Path.Parent().Join(on.Name)] = true
				}
			}
		case *resource.Cell:
			for _, on := range spec.DependsOn {
				if on.Condition == resource.Completed {
					d.awaited[d.rootOf(resource.Path(on.Name))] = true
				}
			}
		}
	}
}

// rootMoves reports whether the change of another container, the root of p's cell, makes its network namespace
// anew or takes it away.
func (d *decider) rootMoves(p resource.Path) bool {
	return d.rootOf(p.Parent()) != p && d.netnsMoves(p.Parent()) && !d.imported(p)
}

// imported reports whether the container at p is one that kuke did not make, outside of the network namespace of its cell.
func (d *decider) imported(p resource.Path) bool {
	r := d.prior.Records[p]
	return r != nil && r.Status.Imported
}

// netnsMoves reports whether the change of its root container takes the network namespace of the cell away, or makes
// it anew: a root container that is only started finds its own, as long as that is pinned.
func (d *decider) netnsMoves(cell resource.Path) bool {
	c := d.changes[d.rootOf(cell)]
	if c == nil {
		return false
	}
	switch c.Action {
	case plan.Create, plan.Replace, plan.Delete:
		return true
	case plan.Start, plan.Restart, plan.Update:
		return (c.Action != plan.Update || c.Start) && d.pinned(cell) == 0
	}
	return false
}

// pinned returns the inode of the network namespace that is pinned for the cell, or 0.
func (d *decider) pinned(cell resource.Path) uint64 {
	if found := d.actual.Cells[cell]; found != nil {
		return found.NetNS
	}
	return 0
}

// realmReplaced reports whether p lies in a realm that is replaced, which takes along all that is below it.
func (d *decider) realmReplaced(p resource.Path) bool {
	c := d.changes[p.Realm()]
	return c != nil && c.Action == plan.Replace && p.Kind() != resource.KindRealm
}

// parentGoes reports whether the parent of p is deleted.
func (d *decider) parentGoes(p resource.Path) bool {
	c := d.changes[p.Parent()]
	return c != nil && c.Action == plan.Delete
}

func (d *decider) decide(p resource.Path) *plan.Change {
	want, have := d.desired.Resource(p), d.prior.Records[p]
	switch {
	case want == nil:
		return d.decideUnwanted(p, have)
	case want.External:
		if have == nil {
			d.diags.Errorf(want.Declared, p, "External resource is missing",
				"%s %s is declared external, but there is none in the state: create it first, or take out \"external\" to let this project make it.", p.Kind().Lower(), p)
		} else if d.realmReplaced(p) {
			d.diags.Errorf(want.Declared, p, "External resource in the way",
				"realm %s is to be replaced with all it holds, but %s %s is managed elsewhere: move it to another realm first.", p.Realm(), p.Kind().Lower(), p)
		}
		return nil
	case !d.checkOwner(want, have):
		return nil
	}
	d.checkControllers(want)
	d.checkSwap(want)
	d.checkCPUs(want)
	d.checkRestartPolicy(want)
	d.checkSecrets(want)
	after := d.recordOf(want)
	if have == nil {
		return d.decideNew(want, after)
	}
	return d.decideExisting(want, have, after)
}

// ours reports whether the plan may do as it likes with what belongs to the project.
func (d *decider) ours(project string) bool { return d.opts.ours(project) }

func (o *Options) ours(project string) bool { return o.ByHand || project == o.Project }

// checkOwner makes sure that the project may change the wanted resource and make it where it is.
func (d *decider) checkOwner(want *resource.Resource, have *state.Record) bool {
	if have != nil && have.Status.Project != "" && !d.ours(have.Status.Project) {
		d.diags.Errorf(want.Declared, want.Path, "Resource of another project",
			"%s %s belongs to project %q, this is project %q: declare it with external = true to use it as it is%s.",
			want.Path.Kind().Lower(), want.Path, have.Status.Project, d.opts.Project, d.orNamed(have.Status.Project))
		return false
	}
	parent := want.Path.Parent()
	if parent == "" || d.desired.Resource(parent) != nil {
		return true
	}
	record := d.prior.Records[parent]
	switch {
	case record == nil && d.opts.ByHand:
		d.diags.Errorf(want.Declared, want.Path, "Missing parent",
			"%s %s needs %s %s, which is not in the state: make that first (kuke create %s %s), or name what is there with --realm, --space, --stack and --cell, or by a path.",
			want.Path.Kind().Lower(), want.Path, parent.Kind().Lower(), parent, parent.Kind().Lower(), parent)
	case record == nil:
		d.diags.Errorf(want.Declared, want.Path, "Missing parent",
			"%s %s needs %s %s, which is neither in the configuration nor in the state: declare it.",
			want.Path.Kind().Lower(), want.Path, parent.Kind().Lower(), parent)
	case record.Status.Project != "" && !d.ours(record.Status.Project):
		d.diags.Errorf(want.Declared, want.Path, "Parent of another project",
			"%s %s belongs to project %q: declare it here with external = true to put a %s into it.",
			parent.Kind().Lower(), parent, record.Status.Project, want.Path.Kind().Lower())
	default:
		return true
	}
	return false
}

// recordOf returns the record that the wanted resource will have.
func (d *decider) recordOf(want *resource.Resource) *state.Record {
	r := &state.Record{Path: want.Path, Spec: want.Spec, Status: state.Status{
		Project: d.opts.Project, Namespace: d.prior.Namespace(want.Path, d.desired),
	}}
	have := d.prior.Records[want.Path]
	d.nameOnHost(r, have)
	if d.opts.ByHand {
		r.Status.Project = ""
		if have != nil {
			r.Status.Project = have.Status.Project
		}
	}
	if have != nil {
		r.Status.CreatedAt, r.Status.FormerName = have.Status.CreatedAt, have.Status.FormerName
		r.Status.ImageDigest = have.Status.ImageDigest
		r.Status.Network, r.Status.Attachment, r.Status.Health = have.Status.Network, have.Status.Attachment, have.Status.Health
		r.Status.Run, r.Status.Exit = have.Status.Run, have.Status.Exit
	}
	r.Status.PreventDestroy = protected(want)
	if want.Path.Kind() == resource.KindContainer {
		r.Status.SpecDigest = resource.CreationDigest(want.Spec)
	}
	return r
}

// nameOnHost notes what the resource of r is known by on the host: what is recorded keeps that, wherever its path came from.
func (d *decider) nameOnHost(r, have *state.Record) {
	p := r.Path
	switch {
	case p.Kind() == resource.KindContainer && have != nil && have.Status.ContainerID != "":
		// Until it is made anew, one that was imported or renamed keeps its id and its cgroup.
		r.Status.Imported, r.Status.ContainerID, r.Status.Cgroup = have.Status.Imported, have.Status.ContainerID, have.Status.Cgroup
	case p.Kind() == resource.KindContainer:
		r.Status.ContainerID, r.Status.Cgroup = d.containerID(p, r.Status.Namespace), d.cgroup(p, r.Spec)
	case have != nil && have.Status.Cgroup != "":
		r.Status.CellID, r.Status.Cgroup = have.Status.CellID, have.Status.Cgroup
	case p.Kind() == resource.KindCell:
		r.Status.CellID, r.Status.Cgroup = allocate.CellID(d.host(), p), d.cgroup(p, r.Spec)
	default:
		r.Status.Cgroup = d.cgroup(p, r.Spec)
	}
}

// decideNew decides on a wanted resource that no record knows.
func (d *decider) decideNew(want *resource.Resource, after *state.Record) *plan.Change {
	c := &plan.Change{Path: want.Path, Action: plan.Create, Diffs: plan.Compare(nil, want.Spec), After: after}
	if want.Path.Kind() == resource.KindContainer {
		return d.newContainer(c, want)
	}
	return c
}

// decideExisting decides on a wanted resource that is recorded.
func (d *decider) decideExisting(want *resource.Resource, have, after *state.Record) *plan.Change {
	c := &plan.Change{Path: want.Path, Diffs: plan.Compare(have.Spec, want.Spec), Before: have, After: after}
	if len(c.Diffs) > 0 {
		c.Action = plan.Update
	}
	d.renameImage(c)
	if have.Status.Project == "" && !d.opts.ByHand {
		c.Action = plan.Update
		c.Reasons = append(c.Reasons, fmt.Sprintf("made by hand, now taken into project %q", d.opts.Project))
	}
	for _, df := range c.Diffs {
		if df.ForcesReplacement {
			c.Action = plan.Replace
		}
	}
	if c.Action == plan.Replace && want.Path.Kind() == resource.KindRealm {
		d.checkForeign(c)
	}
	if d.realmReplaced(want.Path) {
		c.Action = plan.Replace
		c.Reasons = append(c.Reasons, fmt.Sprintf("replaced because realm %s is replaced", want.Path.Realm()))
	}
	d.protect(c, want)
	d.drift(c, have)
	if want.Path.Kind() == resource.KindContainer {
		d.existingContainer(c, want)
	}
	if c.Action == "" {
		return nil
	}
	return c
}

// drift adds what changed behind our back and can be mended in place.
func (d *decider) drift(c *plan.Change, have *state.Record) {
	if c.Action == plan.Replace {
		return
	}
	mend := func(format string, args ...any) {
		if c.Action == "" {
			c.Action = plan.Update
		}
		c.Reasons = append(c.Reasons, fmt.Sprintf(format, args...))
	}
	if have.Path.Kind() == resource.KindRealm {
		if ns := d.actual.Namespaces[have.Status.Namespace]; ns == nil {
			mend("containerd namespace %s is missing", have.Status.Namespace)
		} else if ns.Labels[plan.LabelKept] != "" {
			mend("containerd namespace %s bears the label of a realm that is destroyed", have.Status.Namespace)
		}
	}
	if _, exists := d.actual.Cgroups[have.Status.Cgroup]; !exists && have.Path.Kind() != resource.KindContainer {
		mend("cgroup %s is missing", have.Status.Cgroup)
	}
	if d.actual.Frozen[have.Status.Cgroup] && have.Path.Kind() != resource.KindContainer {
		mend(outside + "its cgroup is frozen")
	}
	if limits, ok := d.actual.Cgroups[have.Status.Cgroup]; ok && swapUnbounded(have, &limits) {
		mend("its memory limit does not bound swap yet")
	}
	if why := limitDrift(have, d.actual); why != "" {
		mend("%s", why)
	}
}
