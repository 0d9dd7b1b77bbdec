package executor

import (
	"context"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/observe"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Refresh observes the host: the namespaces of desired and recorded realms and those with kuke's labels, with a constant
// number of calls for each; the cgroups of recorded resources; the images and the host paths that desired containers use.
// It changes nothing. An executor that holds the lock of the state also records containers that have completed, in prior
// too: the next look may come after a reboot, in which their tasks are lost.
//
// desired is nil for a view of the recorded resources. For a plan, even one that desires nothing, Refresh waits for tasks
// that containerd's restart monitor is just making.
func (e *Executor) Refresh(ctx context.Context, desired *resource.Tree, prior *state.State) (*plan.Actual, error) {
	e.KnowRealms(prior)
	actual, err := e.observer().Look(ctx, desired, prior, observe.Everything)
	if err != nil || desired == nil {
		return actual, err
	}
	actual.Unhealthy, err = e.unhealthy(ctx, desired, prior)
	return actual, err
}

// Assume is Refresh without a look at recorded resources, which are assumed to be as recorded: it observes only the rest
// that matters to desired ones, for example images and the host's routes.
func (e *Executor) Assume(ctx context.Context, desired *resource.Tree, prior *state.State) (*plan.Actual, error) {
	e.KnowRealms(prior)
	return e.observer().Look(ctx, desired, prior, observe.Assumed)
}

// LookAgain observes the assumptions of a saved plan about the host, for [plan.Plan.CheckHost]: not the networks and
// cgroups of recorded resources, and it asks no registry.
func (e *Executor) LookAgain(ctx context.Context, p *plan.Plan, prior *state.State) (*plan.Actual, error) {
	e.KnowRealms(prior)
	e.knowChanges(p)
	return e.observer().Look(ctx, p.Wants(), prior, observe.Again)
}

// Tasks is Refresh without a look at networks, images and secrets, which may be broken. It suffices for operations on
// recorded containers.
func (e *Executor) Tasks(ctx context.Context, prior *state.State) (*plan.Actual, error) {
	return e.observer().Tasks(ctx, prior)
}

// observer returns the observer of the executor's host and store.
func (e *Executor) observer() *observe.Host {
	return &observe.Host{Containerd: e.containerd, Cgroups: e.cgroups, Networks: e.networks, Store: e.store, Secrets: e.secrets, Keys: e.keys, Record: e.holdsLock}
}
