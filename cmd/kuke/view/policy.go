package view

import "github.com/kukeon/kuke/planner/plan"

// verdict adds the findings of policies, and which policies a plan has passed.
func (ink *palette) verdict(b *page, v *plan.Verdict) {
	if v == nil {
		return
	}
	b.writef("\n")
	for _, f := range v.Denied {
		b.writef("%s\n", ink.red("Denied: ")+visible(f.Message)+ink.faint("  # %s", visible(f.Rule)))
	}
	for _, f := range v.Warned {
		b.writef("%s\n", ink.yellow("Warned: ")+visible(f.Message)+ink.faint("  # %s", visible(f.Rule)))
	}
	if len(v.Denied) == 0 {
		b.writef("The plan has passed the policies %s.\n", visible(v.Digest))
	}
}
