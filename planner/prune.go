package planner

import (
	"fmt"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// pruner decides on resources that are recorded or found, and not desired.
type pruner struct {
	in    *input
	draft *draft
	diags *resource.Diagnostics
}

// decideUnwanted decides on recorded and found resources that aren't desired.
func (d *pruner) decideUnwanted(p resource.Path, have *state.Record) *plan.Change {
	if !d.draft.mayDelete(p) || d.in.opts.ByHand && !d.in.opts.Destroy && !d.draft.parentGoes(p) && !d.draft.realmReplaced(p) {
		return nil
	}
	if d.in.needed[p] {
		// A declared resource is in it, so it stays.
		if d.draft.realmReplaced(p) {
			d.diags.Errorf(resource.Range{}, p, "Undeclared parent in a replaced realm",
				"realm %s is to be replaced with all it holds, but %s %s, in which the configuration puts something, is not declared: declare it too.", p.Realm(), p.Kind().Lower(), p)
		}
		return nil
	}
	parentGoes := d.draft.parentGoes(p)
	// Only resources that the configuration controls are pruned: a file that declares one container of a cell, and not the
	// cell, leaves the cell's other containers alone.
	inScope := d.in.opts.Destroy || parentGoes || d.draft.realmReplaced(p) || d.in.left(p)
	if have == nil {
		return d.decideOrphan(p, inScope)
	}
	c := &plan.Change{Path: p, Action: plan.Delete, Before: have, Diffs: plan.Compare(have.Spec, nil)}
	if r := d.in.forgotten(p); r != nil && !d.in.opts.Destroy && d.in.ours(have.Status.Project) {
		return d.forget(p, have, r)
	}
	if !d.in.opts.Destroy {
		c.Cause = plan.CauseConfiguration
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

// left reports whether the configuration has left out p, or an ancestor of p, though it controls it. An ancestor may not be
// a target, and then stays for now.
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

// decideOrphan removes a resource that an interrupted apply of this project left and that is not desired.
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

// forget plans to forget a recorded resource and to leave it running.
func (d *pruner) forget(p resource.Path, have *state.Record, r *plan.Removal) *plan.Change {
	if p.Kind() != resource.KindContainer {
		d.diags.Errorf(r.Declared, p, "Invalid removal", "%s %s can't be left as it is and be forgotten: only containers can. Remove destroy = false.", p.Kind().Lower(), p)
		return nil
	}
	return &plan.Change{Path: p, Action: plan.Forget, Before: have, Reasons: []string{"removed from the configuration with destroy = false: it goes on running"}}
}
