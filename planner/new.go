package planner

import (
	"net/netip"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/internal/allocate"
	"github.com/kukeon/kuke/planner/internal/order"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Options narrow or turn a plan.
type Options struct {
	// Project is the one whose resources the plan may delete.
	Project string
	// Directory is the absolute path of the configuration's directory; empty where no configuration is applied. Unnamed says
	// that the project has only the name of the directory: then the plan may not delete or replace resources that were applied
	// from another directory.
	Directory string
	Unnamed   bool
	// Destroy plans the removal of everything the project owns; the desired tree is not looked at.
	Destroy bool
	// Images removes the images of realms that are deleted, too: else a containerd namespace that holds any is kept.
	Images bool
	// Volumes deletes also the volumes of the project, with their data: else they are kept, unless their reclaim policy says
	// otherwise. It goes with Destroy.
	Volumes bool
	// Targets restricts the plan to these resources, those below them and those that they need; empty for all.
	Targets []resource.Path
	// Exclude leaves these resources as they are, with those below them and those that depend on them, and destroys nothing
	// that they need. It does not go with Targets.
	Exclude []resource.Path
	// Replace replaces the containers at these paths, or below them, even when nothing of them changes.
	Replace []resource.Path
	// ByHand plans for an imperative command: resources of every project may change, new ones belong to none, and
	// nothing is deleted for not being desired.
	ByHand bool
	// Start also starts targeted containers that the user has stopped or paused.
	Start bool
	// Assume says that the host was not looked at, but taken to be as recorded.
	Assume bool
	// Moves, Removals and Imports are the moved, removed and import blocks of the configuration.
	Moves    []plan.Move
	Removals []plan.Removal
	Imports  []plan.Import
	// Outputs are the values that the configuration gives out; nil leaves those that are recorded.
	Outputs map[string]*state.Output
	// SubnetPool is the pool of the subnets of spaces; the zero value means [DefaultSubnetPool].
	SubnetPool netip.Prefix
}

// DefaultSubnetPool is the pool that the subnets of spaces are chosen from.
const DefaultSubnetPool = allocate.DefaultPool

// New plans the way from prior and actual to desired. desired may be nil for [Options.Destroy]. When the
// diagnostics hold an error the plan is nil.
func New(desired *resource.Tree, prior *state.State, actual *plan.Actual, opts Options) (*plan.Plan, resource.Diagnostics) {
	var diags resource.Diagnostics
	in, moves := prepare(desired, prior, actual, opts, &diags)
	s := scopeOf(in)
	check(in, s, &diags)
	d := decide(in, s, &diags)
	names := allocateNetworks(d, &diags)
	if diags.HasErrors() {
		return nil, diags
	}
	(&review{in: in, draft: d, diags: &diags}).warnLeftBehind()
	pl := assemble(d, names, moves)
	pl.Prior = plan.PriorOf(prior)
	var err error
	pl.Steps, pl.Images, err = order.Steps(order.Input{Changes: pl.Changes, Names: names, Desired: in.desired, Prior: in.prior, Actual: in.actual})
	if err != nil {
		diags.Errorf(resource.Range{}, "", "Dependency cycle", "%v", err)
		return nil, diags
	}
	return pl, diags
}

// prepare makes the moves and imports, and settles the root containers: all decisions are about the resources at their new
// paths. The moves are returned with their records.
func prepare(desired *resource.Tree, prior *state.State, actual *plan.Actual, opts Options, diags *resource.Diagnostics) (*input, []plan.Move) {
	if desired == nil || opts.Destroy {
		desired = resource.NewTree()
	}
	moved, moves := plan.MoveAndImport(prior, opts.Moves, opts.Imports, diags)
	actual = actual.Moved(moves, prior, moved)
	orphans := orphansOf(moved, actual, opts.Destroy && opts.Images)
	desired = settleRoots(keepingImageVolumes(ignoring(desired, moved), moved), rootsFound(moved, orphans), moved, &opts)
	return newInput(desired, moved, actual, opts, orphans), moves
}

// check refuses options and blocks of the configuration that contradict the state.
func check(in *input, s *scope, diags *resource.Diagnostics) {
	r := &request{in: in, draft: newDraft(in, s), diags: diags}
	r.checkTargets()
	r.checkExcluded()
	r.checkRemovals()
	r.checkReplace()
	r.checkImpliedRoots()
	r.checkNaming()
}

// decide decides on all resources, and again until everything is replaced, or started, that is to be because something else
// changes, and the containers that are made have the volumes that their images declare.
func decide(in *input, s *scope, diags *resource.Diagnostics) *draft {
	before := len(*diags)
	t := newTriggers()
	d := decideAll(in, s, t, diags)
	for t.heed(d) || in.declareImageVolumes(d) {
		s = scopeOf(in)
		*diags = (*diags)[:before]
		d = decideAll(in, s, t, diags)
	}
	r := &review{in: in, draft: d, diags: diags}
	r.checkProtected()
	r.checkElsewhere()
	r.checkExcluded()
	r.checkVolumesInUse()
	r.warnForeign()
	r.warnRenamed()
	(&healthchecks{in: in, draft: d, diags: diags}).decideChecks()
	return d
}

// allocateNetworks gives spaces and cells their networks, and returns the names for the /etc/hosts that are written.
func allocateNetworks(d *draft, diags *resource.Diagnostics) []plan.SpaceNames {
	n := &networks{in: d.in, draft: d, check: &hostCheck{in: d.in, diags: diags}, diags: diags}
	n.decideNetworks()
	return n.names
}

// assemble returns the plan of the changes, without its steps.
func assemble(d *draft, names []plan.SpaceNames, moves []plan.Move) *plan.Plan {
	opts := &d.in.opts
	pl := &plan.Plan{
		Changes: []*plan.Change{}, Unchanged: []*state.Record{}, Steps: []plan.Step{}, // never null as JSON
		Project: opts.Project, Destroy: opts.Destroy, Targets: opts.Targets, Names: names,
		Profiles: d.profiles(), Moves: moves, Imports: opts.Imports, Outputs: outputChanges(d.in.prior, opts),
	}
	if !opts.Destroy && !opts.ByHand {
		pl.Directory, pl.Unnamed = opts.Directory, opts.Unnamed
	}
	pl.KeptOutputs = keptOutputs(d.in.prior, opts, pl.Outputs)
	for _, p := range d.order {
		want, have := d.in.desired.Resource(p), d.in.prior.Records[p]
		switch c := d.changes[p]; {
		case c != nil:
			c.HCL = want != nil && want.HCL
			c.Unrecorded = c.Before != nil && have == nil
			pl.Changes = append(pl.Changes, c)
		case d.kept[p]:
			pl.Kept = append(pl.Kept, have)
			continue
		case have == nil || want == nil && !d.in.ours(have.Status.Project):
			continue
		case d.targeted(p):
			pl.Unchanged = append(pl.Unchanged, have)
			if run := have.Status.Run; (run == state.RunStopped || run == state.RunKilled) && d.in.staysDown(have, d.in.live(p)) {
				pl.Stopped = append(pl.Stopped, p)
			}
		default:
			if !opts.ByHand {
				pl.Untargeted = append(pl.Untargeted, have)
			}
			continue
		}
		if drift := d.driftOf(p); drift != nil {
			pl.Drift = append(pl.Drift, *drift)
		}
	}
	return pl
}

func (o *Options) ours(project string) bool { return o.ByHand || project == o.Project }
