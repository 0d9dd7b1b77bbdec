package planner

import (
	"net/netip"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/internal/order"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Options narrow or turn a plan.
type Options struct {
	// Project is the one whose resources the plan may delete.
	Project string
	// Directory is that of the configuration, an absolute path; empty where no configuration is applied. Unnamed says that
	// the project has no other name than that of the directory: then the plan may not delete or replace what was applied
	// from another one.
	Directory string
	Unnamed   bool
	// Destroy plans the removal of everything the project owns; the desired tree is not looked at.
	Destroy bool
	// Images removes the images of realms that are deleted, too: else a containerd namespace that holds any is kept.
	Images bool
	// Targets restricts the plan to these resources, what is below them and what they need; empty for all.
	Targets []resource.Path
	// Replace makes the containers at these paths, or below them, anew even when nothing of them changes.
	Replace []resource.Path
	// ByHand plans for an imperative command: resources of every project may change, new ones belong to none, and
	// nothing is deleted for not being desired.
	ByHand bool
	// Start also starts what the user has stopped or paused, as far as it is targeted.
	Start bool
	// Assume says that the host was not looked at, but taken to be as recorded.
	Assume bool
	// Moves, Removals and Imports are what the configuration says of resources that were, or were not, in it before.
	Moves    []plan.Move
	Removals []plan.Removal
	Imports  []plan.Import
	// Outputs are the values that the configuration gives out; nil leaves those that are recorded.
	Outputs map[string]*state.Output
	// SubnetPool is what the subnets of spaces are chosen from; the zero value stands for [DefaultSubnetPool].
	SubnetPool netip.Prefix
}

// New plans the way from prior and actual to desired. desired may be nil for [Options.Destroy]. When the
// diagnostics hold an error the plan is nil.
func New(desired *resource.Tree, prior *state.State, actual *plan.Actual, opts Options) (*plan.Plan, resource.Diagnostics) {
	if desired == nil || opts.Destroy {
		desired = resource.NewTree()
	}
	var diags resource.Diagnostics
	original := prior
	prior, moves := plan.MoveAndImport(original, opts.Moves, opts.Imports, &diags)
	actual = actual.Moved(moves, original, prior)
	orphans := orphansOf(prior, actual, opts.Destroy && opts.Images)
	desired = settleRoots(ignoring(desired, prior), rootsFound(prior, orphans), prior, &opts)
	d := &decider{
		desired: desired, prior: prior, actual: actual, opts: opts, diags: diags,
		changes: map[resource.Path]*plan.Change{}, orphans: orphans, kills: plan.NewOOMKills(prior, actual),
	}
	d.findRoots()
	d.checkTargets()
	d.checkRemovals()
	d.findTargets()
	d.checkReplace()
	d.checkImpliedRoots()
	d.decideTriggered()
	d.checkProtected()
	d.checkElsewhere()
	d.warnForeign()
	d.warnRenamed()
	d.decideChecks()
	d.decideNetworks()
	if d.diags.HasErrors() {
		return nil, d.diags
	}
	d.warnLeftBehind()
	pl := &plan.Plan{
		Changes: []*plan.Change{}, Steps: []plan.Step{}, // never null as JSON
		Prior: plan.PriorOf(original), Project: opts.Project, Destroy: opts.Destroy, Targets: opts.Targets, Names: d.names,
		Profiles: d.profiles(), Moves: moves, Imports: opts.Imports, Outputs: outputChanges(prior, &opts),
	}
	if !opts.Destroy && !opts.ByHand {
		pl.Directory, pl.Unnamed = opts.Directory, opts.Unnamed
	}
	for _, p := range d.order {
		if c := d.changes[p]; c != nil {
			pl.Changes = append(pl.Changes, c)
		} else if d.prior.Records[p] != nil && d.targeted(p) {
			pl.Unchanged++
		}
	}
	var err error
	pl.Steps, pl.Images, err = order.Steps(order.Input{Changes: pl.Changes, Names: pl.Names, Desired: desired, Prior: prior, Actual: actual})
	if err != nil {
		d.diags.Errorf(resource.Range{}, "", "Changes wait for each other", "%v", err)
		return nil, d.diags
	}
	return pl, d.diags
}
