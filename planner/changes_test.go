package planner

import (
	"github.com/kukeon/kuke/planner/plan"
	"testing"
)

// change is what happens to the example that was applied, and what is planned then.
type change struct {
	name string
	edit func(specs) // of the example
	host func(*host) // what happened to the host since
	opts Options
	want string // changesOf the plan
	more func(*testing.T, *plan.Plan)
}

// runChanges plans and applies each change, which must leave nothing to do.
func runChanges(t *testing.T, tests []change) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := made(t)
			if tt.host != nil {
				tt.host(h)
			}
			desired := example(tt.edit)
			p := h.plan(desired, tt.opts)
			compare(t, changesOf(p), tt.want)
			if tt.more != nil {
				tt.more(t, p)
			}
			h.apply(p)
			for _, target := range tt.opts.Targets {
				if h.prior.Records[target] == nil {
					return // it can't be named any more
				}
			}
			tt.opts.Replace = nil // which would be done once more
			if left := h.plan(desired, tt.opts); !left.Empty() {
				t.Errorf("after the apply there is still to do:\n%s", text(left))
			}
		})
	}
}
