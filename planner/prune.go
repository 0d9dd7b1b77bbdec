package planner

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// orphan is something of ours that an interrupted apply left unrecorded.
type orphan struct {
	namespace string
	project   string
	container *plan.Container // nil for a realm's namespace and a space's network
	network   *state.Network
	// kept says that it is the namespace of a realm that was destroyed, with its images.
	kept bool
}

// orphansOf returns what is left of ours; namespaces that were kept for their images are left only where those are to go.
func orphansOf(prior *state.State, actual *plan.Actual, images bool) map[resource.Path]*orphan {
	orphans := map[resource.Path]*orphan{}
	known := state.RecordedIDs(prior)
	for _, name := range slices.Sorted(maps.Keys(actual.Namespaces)) {
		ns := actual.Namespaces[name]
		if p, err := resource.ParsePath(ns.Labels[plan.LabelPath]); err == nil && p.Kind() == resource.KindRealm && prior.Records[p] == nil {
			if kept := ns.Labels[plan.LabelKept] != ""; !kept || images {
				orphans[p] = &orphan{namespace: name, project: ns.Labels[plan.LabelProject], kept: kept}
			}
		}
		for id, c := range ns.Containers {
			if p, ok := plan.Claims(id, c.Labels); ok && prior.Records[p] == nil && !known[[2]string{name, id}] {
				orphans[p] = &orphan{namespace: name, project: c.Labels[plan.LabelProject], container: c}
			}
		}
	}
	recorded := state.HostNamesOf(prior).Networks
	for i, n := range actual.CNINetworks {
		p, err := resource.ParsePath(n.Path)
		if _, ok := recorded[n.Name]; ok {
			continue // of a space that was moved, until that is carried out
		}
		if network := plan.NetworkOfSpace(&actual.CNINetworks[i]); err == nil && p.Kind() == resource.KindSpace && prior.Records[p] == nil && network != nil {
			orphans[p] = &orphan{namespace: prior.Namespace(p, nil), project: n.Project, network: network}
		}
	}
	return orphans
}

// record returns what the labels of an orphan tell.
func (o *orphan) record(p resource.Path) *state.Record {
	spec := resource.NewSpec(p.Kind())
	r := &state.Record{Path: p, Spec: spec, Status: state.Status{Project: o.project, Namespace: o.namespace}}
	if c, ok := spec.(*resource.Container); ok {
		c.Root = o.container.Labels[plan.LabelRole] == "root"
		r.Status.ContainerID = o.container.ID
	}
	if o.network != nil {
		r.Status.Network = o.network
	}
	r.Status.Cgroup = resource.CgroupOf(p, spec)
	return r
}

// pruner decides on resources that are recorded or found, and not desired.
type pruner struct {
	in    *input
	draft *draft
	diags *resource.Diagnostics
}

// decideUnwanted decides on what is recorded or was found, and isn't desired.
func (d *pruner) decideUnwanted(p resource.Path, have *state.Record) *plan.Change {
	if !d.draft.mayDelete(p) || d.in.opts.ByHand && !d.in.opts.Destroy && !d.draft.parentGoes(p) && !d.draft.realmReplaced(p) {
		return nil
	}
	if d.in.needed[p] {
		// What the configuration declares lives in it, so it stays.
		if d.draft.realmReplaced(p) {
			d.diags.Errorf(resource.Range{}, p, "Undeclared parent in a replaced realm",
				"realm %s is to be replaced with all it holds, but %s %s, in which the configuration puts something, is not declared: declare it too.", p.Realm(), p.Kind().Lower(), p)
		}
		return nil
	}
	parentGoes := d.draft.parentGoes(p)
	// Only what the configuration has a say over is pruned: a file that declares one container of a cell,
	// and not the cell, says nothing about the cell's other containers.
	inScope := d.in.opts.Destroy || parentGoes || d.draft.realmReplaced(p) || d.in.left(p)
	if have == nil {
		return d.decideOrphan(p, inScope)
	}
	c := &plan.Change{Path: p, Action: plan.Delete, Before: have, Diffs: plan.Compare(have.Spec, nil)}
	if r := d.in.forgotten(p); r != nil && !d.in.opts.Destroy && d.in.ours(have.Status.Project) {
		return d.forget(p, have, r)
	}
	switch {
	case d.in.ours(have.Status.Project) && inScope:
		if !d.in.opts.Destroy && !parentGoes {
			c.Reasons = append(c.Reasons, "no longer in the configuration")
		}
	case !parentGoes && !d.draft.realmReplaced(p):
		return nil
	case have.Status.Project == "":
		c.Reasons = append(c.Reasons, fmt.Sprintf("made by hand, deleted with %s %s", p.Parent().Kind().Lower(), p.Parent()))
	default:
		d.diags.Errorf(resource.Range{}, p, "Resource of another project in the way",
			"%s %s is to be deleted, but it holds %s %s of project %q: destroy that first.",
			p.Parent().Kind().Lower(), p.Parent(), p.Kind().Lower(), p, have.Status.Project)
		return nil
	}
	if p.Kind() == resource.KindRealm {
		d.checkForeign(c)
	}
	return c
}

// left reports whether the configuration has left out p, or what p is in, though it has a say over it. What p is in may
// not be a target, and then stays for now.
func (in *input) left(p resource.Path) bool {
	for q := p; q != "" && !in.needed[q] && in.desired.Resource(q) == nil; q = q.Parent() {
		if have := in.prior.Records[q]; q != p && (have == nil || !in.ours(have.Status.Project)) {
			return false
		}
		if in.declares(q.Parent()) {
			return true
		}
	}
	return false
}

// declares reports whether the configuration has a say over the children of p; for the empty path, over realms.
func (in *input) declares(p resource.Path) bool {
	if p != "" {
		return in.desired.Resource(p) != nil
	}
	for _, r := range in.desired.Resources() {
		if r.Path.Kind() == resource.KindRealm {
			return true
		}
	}
	return false
}

// decideOrphan removes what an interrupted apply of this project left and nobody wants.
func (d *pruner) decideOrphan(p resource.Path, inScope bool) *plan.Change {
	o := d.in.orphans[p]
	withParent := o.project == "" && (d.draft.parentGoes(p) || d.draft.realmReplaced(p))
	if !inScope || !d.in.ours(o.project) && !withParent {
		return nil
	}
	c := &plan.Change{Path: p, Action: plan.Delete, Before: o.record(p), Reasons: []string{"left unrecorded by an apply that was interrupted"}}
	if o.kept {
		c.Reasons = []string{"its images were kept when it was destroyed"}
	}
	if p.Kind() == resource.KindRealm {
		d.checkForeign(c)
	}
	return c
}

// checkForeign refuses to delete or replace a realm whose namespace holds containers that are not ours.
func (d *pruner) checkForeign(c *plan.Change) {
	ns := d.in.actual.Namespaces[c.Before.Status.Namespace]
	if ns == nil {
		return
	}
	ours := map[string]bool{}
	for p, r := range d.in.prior.Records {
		if c.Path.Contains(p) && p.Kind() == resource.KindContainer {
			ours[r.Status.ContainerID] = true
		}
	}
	var foreign []string
	for id, container := range ns.Containers {
		p, o := d.in.orphanOf(container)
		left := o != nil && c.Path.Contains(p) && (o.project == "" || d.in.ours(o.project))
		if !ours[id] && !left {
			foreign = append(foreign, id)
		}
	}
	if len(foreign) > 0 {
		sort.Strings(foreign)
		d.diags.Errorf(resource.Range{}, c.Path, "Namespace holds foreign containers",
			"realm %s is to go with its containerd namespace %s, but that holds containers that kuke does not manage: %s. Remove them first (ctr -n %s containers rm …).",
			c.Path, c.Before.Status.Namespace, strings.Join(foreign, ", "), c.Before.Status.Namespace)
	}
	d.decideImages(c, ns)
}

// decideImages decides whether the images of a realm that goes are kept, with its containerd namespace.
func (d *pruner) decideImages(c *plan.Change, ns *plan.Namespace) {
	c.RemoveImages = d.in.opts.Images
	hint := ""
	if d.in.opts.Destroy {
		hint = " (--images removes them)"
	}
	switch {
	case c.RemoveImages && ns.Images > 0:
		c.Reasons = append(c.Reasons, fmt.Sprintf("with containerd namespace %s and the images in it (%d)", c.Before.Status.Namespace, ns.Images))
	case c.RemoveImages || ns.Images == 0:
	case ns.Images == 1:
		c.Reasons = append(c.Reasons, fmt.Sprintf("keeps 1 image in containerd namespace %s%s", c.Before.Status.Namespace, hint))
	default:
		c.Reasons = append(c.Reasons, fmt.Sprintf("keeps %d images in containerd namespace %s%s", ns.Images, c.Before.Status.Namespace, hint))
	}
}

// orphanOf returns the orphan that the container is, and its path, or nil.
func (in *input) orphanOf(c *plan.Container) (resource.Path, *orphan) {
	p := resource.Path(c.Labels[plan.LabelPath])
	if o := in.orphans[p]; o != nil && o.container == c {
		return p, o
	}
	return p, nil
}

// warnForeign tells of containers that nobody of ours manages in the namespaces of desired realms.
func (d *review) warnForeign() {
	known := state.RecordedIDs(d.in.prior)
	for _, r := range d.in.desired.Resources() {
		if r.Path.Kind() != resource.KindRealm || d.in.opts.ByHand {
			continue
		}
		name := d.in.prior.Namespace(r.Path, d.in.desired)
		ns := d.in.actual.Namespaces[name]
		if ns == nil {
			continue
		}
		var foreign []string
		for id, c := range ns.Containers {
			if _, o := d.in.orphanOf(c); o == nil && !known[[2]string{name, id}] {
				foreign = append(foreign, id)
			}
		}
		if len(foreign) == 0 {
			continue
		}
		sort.Strings(foreign)
		d.diags.Warnf(r.Declared, r.Path, "Foreign containers", "The containerd namespace %s of realm %s holds containers that kuke does not manage, and leaves alone: %s.",
			name, r.Path, strings.Join(foreign, ", "))
	}
}

// warnLeftBehind tells of containers that the plan may not touch, or doesn't look at, whose network goes with their root
// container.
func (d *review) warnLeftBehind() {
	for _, p := range d.in.prior.Paths() {
		if p.Kind() != resource.KindContainer || d.draft.changes[p] != nil || !d.draft.rootMoves(p) {
			continue
		}
		if c := d.in.live(p); c == nil || c.Status != plan.TaskRunning && c.Status != plan.TaskPaused {
			continue
		}
		whose := "is not in this configuration"
		switch project := d.in.prior.Records[p].Status.Project; project {
		case d.in.opts.Project:
		case "":
			whose = "was made by hand"
		default:
			whose = fmt.Sprintf("belongs to project %q", project)
		}
		root := d.in.rootOf(p.Parent())
		d.diags.Warnf(d.in.declared(root), root, "Container without its network", "container %s %s and stays as it is, but loses its network: root container %s is %s. Start it again afterwards: kuke restart container %s.",
			p, whose, root, past(d.draft.changes[root].Action), p)
	}
}
