package review

import (
	"slices"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Input holds a plan and everything that its hazards and its cost follow from.
type Input struct {
	Plan *plan.Plan
	// Prior is the state that the plan was made from, Actual the host as the planner saw it.
	Prior  *state.State
	Actual *plan.Actual
	Facts  plan.Facts
	// Estimate returns the expected duration of an operation on a resource, from earlier applies; nil for no estimates.
	Estimate Estimate
}

// Estimate tells how long an operation on a resource is expected to take, and whether that is known.
type Estimate func(op plan.Op, p resource.Path) (time.Duration, bool)

// reviewer looks at the changes of a plan, with an index over them: each look takes constant time.
type reviewer struct {
	Input
	// prior and actual are those of the input with the paths that resources have after the moves of the plan.
	prior   *state.State
	actual  *plan.Actual
	changes map[resource.Path]*plan.Change
	// roots are the root containers of cells before the plan, newRoots those that the plan creates or replaces.
	roots, newRoots map[resource.Path]resource.Path
	// cells are those with a change of their own or of a container, in the order of the changes; containers holds the
	// container changes of each.
	cells      []resource.Path
	containers map[resource.Path][]*plan.Change
}

func newReviewer(in Input) *reviewer {
	r := &reviewer{
		Input: in, prior: in.Plan.MovedAndImported(in.Prior), changes: in.Plan.ChangesByPath(),
		roots: map[resource.Path]resource.Path{}, newRoots: map[resource.Path]resource.Path{}, containers: map[resource.Path][]*plan.Change{},
	}
	r.actual = in.Actual.Moved(in.Plan.Moves, in.Prior, r.prior)
	for p, record := range r.prior.Records {
		// A cell has one root; should the records say otherwise, it is the same one each time.
		if isRoot(record) && r.roots[p.Parent()] < p {
			r.roots[p.Parent()] = p
		}
	}
	seen := map[resource.Path]bool{}
	for _, c := range in.Plan.Changes {
		cell := c.Path
		switch c.Path.Kind() {
		case resource.KindContainer:
			cell = c.Path.Parent()
			r.containers[cell] = append(r.containers[cell], c)
			if isRoot(c.Before) && r.roots[cell] == "" {
				r.roots[cell] = c.Path // one without a record
			}
			if isRoot(c.After) && (c.Action == plan.Create || c.Action == plan.Replace) {
				r.newRoots[cell] = c.Path
			}
		case resource.KindCell:
		default:
			continue
		}
		if !seen[cell] {
			seen[cell] = true
			r.cells = append(r.cells, cell)
		}
	}
	return r
}

// isRoot reports whether r, which may be nil, is the record of a root container.
func isRoot(r *state.Record) bool {
	if r == nil {
		return false
	}
	c, ok := r.Spec.(*resource.Container)
	return ok && c.Root
}

// live returns the recorded container in containerd, or nil; r may be nil.
func (r *reviewer) live(record *state.Record) *plan.Container {
	if record == nil {
		return nil
	}
	return r.actual.Container(record.Status.Namespace, record.Status.ContainerID)
}

// runs reports whether the recorded container has a process; a paused one has.
func (r *reviewer) runs(record *state.Record) bool {
	c := r.live(record)
	return c != nil && slices.Contains([]plan.TaskStatus{plan.TaskRunning, plan.TaskPaused, plan.TaskPausing}, c.Status)
}

// rootRuns reports whether the root container of the cell runs, so that the cell is on the network.
func (r *reviewer) rootRuns(cell resource.Path) bool {
	root := r.roots[cell]
	if c := r.changes[root]; c != nil && c.Before != nil {
		return r.runs(c.Before)
	}
	return r.runs(r.prior.Records[root])
}

// fate is the future of the process of a container.
type fate int

const (
	stays fate = iota
	restarts
	ends
)

// fateOf returns the future of the process of the container of c.
func (r *reviewer) fateOf(c *plan.Change) fate {
	if c.Path.Kind() != resource.KindContainer || !r.runs(c.Before) {
		return stays
	}
	switch c.Action {
	case plan.Replace, plan.Restart:
		return restarts
	case plan.Update:
		if c.Start {
			return restarts
		}
	case plan.Delete, plan.Stop, plan.Shutdown:
		return ends
	case plan.Kill:
		if c.Signal == "SIGKILL" {
			return ends
		}
	}
	return stays
}

// published returns the ports that the cell publishes before and after the plan.
func (r *reviewer) published(cell resource.Path) (before, after []string) {
	had, has := r.prior.Records[cell], r.prior.Records[cell]
	if c := r.changes[cell]; c != nil {
		had, has = c.Before, c.After
	}
	return portsOf(had), portsOf(has)
}

func portsOf(r *state.Record) []string {
	if r == nil || r.Status.Attachment == nil {
		return nil
	}
	return r.Status.Attachment.Published
}
