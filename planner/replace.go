package planner

import (
	"slices"

	"github.com/kukeon/kuke/config/resource"
)

// replaceAsked is the reason of what [Options.Replace] names.
const replaceAsked = "replaced as asked with --replace"

// toReplace reports whether the container at p is to be made anew in any case.
func (in *input) toReplace(p resource.Path) bool {
	return slices.ContainsFunc(in.opts.Replace, func(r resource.Path) bool { return r.Contains(p) })
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
