package planner

import "github.com/kukeon/kuke/config/resource"

// request checks the options and the configuration before anything is decided.
type request struct {
	in    *input
	draft *draft // without changes
	diags *resource.Diagnostics
}

func (d *request) checkTargets() {
	for _, t := range d.in.opts.Targets {
		if d.in.desired.Resource(t) == nil && d.in.prior.Records[t] == nil && d.in.orphans[t] == nil {
			d.diags.Errorf(resource.Range{}, t, "Unknown target", "--target %s names a resource that is neither in the configuration nor in the state. Name one by its whole path: kuke state list lists the recorded ones.", t)
		}
	}
}

// checkExcluded refuses paths at and below which there is nothing to exclude.
func (d *request) checkExcluded() {
	for _, e := range d.in.opts.Exclude {
		if d.in.desired.Resource(e) == nil && d.in.prior.Records[e] == nil && d.in.orphans[e] == nil {
			d.diags.Errorf(resource.Range{}, e, "Unknown resource to exclude", "--exclude %s names a resource that is neither in the configuration nor in the state. Name one by its whole path: kuke state list lists the recorded ones.", e)
		}
	}
}

// checkRemovals refuses to remove or move resources that are still declared.
func (d *request) checkRemovals() {
	for _, r := range d.in.opts.Removals {
		if want := d.in.desired.Resource(r.From); want != nil {
			d.diags.Errorf(r.Declared, r.From, "Invalid removal", "%s %s is still in the configuration, at %s. Remove it there, or remove the block removed.", r.From.Kind().Lower(), r.From, want.Declared)
		}
	}
	for _, m := range d.in.opts.Moves {
		if want := d.in.desired.Resource(m.From); want != nil {
			d.diags.Errorf(m.Declared, m.From, "Invalid move", "%s %s is still in the configuration, at %s, and can't have been moved. Remove the block moved, or the resource declared there.", m.From.Kind().Lower(), m.From, want.Declared)
		}
	}
}

// checkReplace refuses paths at and below which nothing can be replaced.
func (d *request) checkReplace() {
	for _, asked := range d.in.opts.Replace {
		var declared resource.Range
		wanted, targeted := false, false
		for _, r := range d.in.desired.Resources() {
			if r.Path.Kind() == resource.KindContainer && !r.External && asked.Contains(r.Path) {
				wanted, declared = true, r.Declared
				targeted = targeted || d.draft.targeted(r.Path)
			}
		}
		switch {
		case !wanted:
			d.diags.Errorf(resource.Range{}, asked, "Nothing to replace", "--replace %s names no container of the configuration, nor anything with one in it.", asked)
		case !targeted:
			d.diags.Errorf(declared, asked, "Nothing to replace", "--replace %s names containers that --target leaves out: target them too.", asked)
		}
	}
}
