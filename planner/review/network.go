package review

import (
	"slices"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// interruption is the time without network of a cell that stays.
type interruption struct {
	plan.Interruption
	// by is the resource whose change interrupts the network: the root container, or the cell.
	by resource.Path
	// ports says that the published ports are closed too.
	ports bool
}

// closure is a published port that a change closes.
type closure struct {
	plan.ClosedPort
	by resource.Path
	// seconds is an estimate of the time for which the port is closed; nil where there is none.
	seconds *float64
}

// interruption returns that of a cell, or nil.
func (r *reviewer) interruption(cell resource.Path) *interruption {
	c := r.changes[cell]
	if !r.rootRuns(cell) || c != nil && c.Action == plan.Delete {
		return nil
	}
	if root := r.changes[r.roots[cell]]; root != nil && r.netnsGoes(root) {
		return r.rebuilt(cell, root)
	}
	if c == nil || c.Action != plan.Update || c.Before == nil {
		return nil
	}
	detached, first := detaches(c)
	if !detached {
		return nil
	}
	return &interruption{plan.Interruption{Cell: cell, Seconds: r.seconds(step{plan.OpUpdate, cell})}, cell, first}
}

// rebuilt returns the interruption of a cell whose network namespace is removed by the change of its root container, nil
// where it gets no other.
func (r *reviewer) rebuilt(cell resource.Path, root *plan.Change) *interruption {
	i := &interruption{plan.Interruption{Cell: cell}, root.Path, true}
	next := r.newRoots[cell]
	switch top := r.changes[cell.Realm()]; {
	case root.Action == plan.Restart || root.Action == plan.Update:
		i.Seconds = r.seconds(step{plan.OpStop, root.Path}, step{plan.OpStart, root.Path})
	case next == "":
		return nil
	case top == nil || top.Action != plan.Replace: // of a realm that is replaced, everything goes before anything comes
		i.Seconds = r.seconds(step{plan.OpDelete, root.Path}, step{plan.OpCreate, next})
	}
	return i
}

// netnsGoes reports whether the change of a running root container removes the network namespace of its cell.
func (r *reviewer) netnsGoes(root *plan.Change) bool {
	if root.Before == nil || root.Before.Status.Imported {
		return false
	}
	switch root.Action {
	case plan.Replace, plan.Delete:
		return true
	case plan.Restart, plan.Update:
		// It finds its own again, as long as that is pinned. A plan that looks at tasks alone does not know, and leaves the pin.
		found := r.actual.Cells[root.Path.Parent()]
		return (root.Action == plan.Restart || root.Start) && found != nil && found.NetNS == 0
	}
	return false
}

// detaches reports whether the update of a cell detaches any of its interfaces, and whether it detaches the first one, with
// which the ports are published.
func detaches(c *plan.Change) (some, first bool) {
	had, want := c.Before.Status.Attachment, c.After.Status.Attachment
	if had == nil {
		return false, false
	}
	if want == nil {
		want = &state.Attachment{}
	}
	for n, i := range had.Interfaces {
		now := want.In(i.Space)
		again := n == 0 && !slices.Equal(had.Published, want.Published)
		if now == nil || *now != i || again || slices.Contains(c.Reattach, i.Name) {
			some, first = true, first || n == 0
		}
	}
	return some, first
}

// step is an operation on a resource.
type step struct {
	op   plan.Op
	path resource.Path
}

// seconds returns the sum of the estimates of the steps; nil where one is unknown.
func (r *reviewer) seconds(steps ...step) *float64 {
	if r.Estimate == nil {
		return nil
	}
	sum := time.Duration(0)
	for _, s := range steps {
		took, ok := r.Estimate(s.op, s.path)
		if !ok {
			return nil
		}
		sum += took
	}
	seconds := sum.Seconds()
	return &seconds
}

// closures returns the published ports of a cell that the plan closes, in their order.
func (r *reviewer) closures(cell resource.Path) []closure {
	if !r.rootRuns(cell) {
		return nil
	}
	before, after := r.published(cell)
	interrupted := r.interruption(cell)
	var all []closure
	for _, port := range before {
		c := closure{ClosedPort: plan.ClosedPort{Cell: cell, Port: port, Reopened: slices.Contains(after, port)}}
		switch top := r.changes[cell]; {
		case top != nil && top.Action == plan.Delete:
			c.by = cell
		case interrupted != nil && interrupted.ports:
			c.by, c.seconds = interrupted.by, interrupted.Seconds
		default:
			by := r.listener(cell, port)
			if by == nil {
				continue
			}
			c.by, c.seconds = by.Path, r.gap(by)
			c.Reopened = c.Reopened && r.fateOf(by) == restarts
		}
		all = append(all, c)
	}
	return all
}

// listener returns the change that ends, for a moment or for good, the container that answers at a published port of the cell: the
// container that declares the port, or the root container where that is deleted and the network with it. It returns nil for none.
func (r *reviewer) listener(cell resource.Path, port string) *plan.Change {
	for _, c := range r.containers[cell] {
		switch r.fateOf(c) {
		case ends:
			if declares(c.Before, port) || c.Path == r.roots[cell] && c.Action == plan.Delete {
				return c
			}
		case restarts:
			if declares(c.Before, port) {
				return c
			}
		}
	}
	return nil
}

// gap returns an estimate of the time for which a container is down, or nil.
func (r *reviewer) gap(c *plan.Change) *float64 {
	switch c.Action {
	case plan.Replace:
		return r.seconds(step{plan.OpDelete, c.Path}, step{plan.OpCreate, c.Path})
	case plan.Restart, plan.Update:
		return r.seconds(step{plan.OpStop, c.Path}, step{plan.OpStart, c.Path})
	}
	return nil
}

// declares reports whether the published port is that of an entry of the container's ports.
func declares(container *state.Record, published string) bool {
	have, err := resource.ParsePort(published)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(container.Spec.(*resource.Container).Ports, func(text string) bool {
		p, err := resource.ParsePort(text)
		if err == nil && p.Host.First == 0 {
			p.Host = have.Host // one that kuke chose
		}
		return err == nil && p == have
	})
}
