package planner

import (
	"net/netip"

	"github.com/kukeon/kuke/config/resource"
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
	Moves    []Move
	Removals []Removal
	Imports  []Import
	// Outputs are the values that the configuration gives out; nil leaves those that are recorded.
	Outputs map[string]*state.Output
	// SubnetPool is what the subnets of spaces are chosen from; the zero value stands for [DefaultSubnetPool].
	SubnetPool netip.Prefix
}

// Plan is what will happen, and why.
type Plan struct {
	// Prior identifies the state that the plan was made from.
	Prior Prior `json:"prior"`
	// Project is the project the plan belongs to.
	Project string `json:"project"`
	// Directory is that of the configuration that is applied, an absolute path: it is remembered with the project. Unnamed
	// is [Options.Unnamed].
	Directory string          `json:"directory,omitempty"`
	Unnamed   bool            `json:"unnamed,omitempty"`
	Destroy   bool            `json:"destroy,omitempty"`
	Targets   []resource.Path `json:"targets,omitempty"`
	// Changes holds one entry for each resource that changes, parents before what is below them.
	Changes []*Change `json:"changes"`
	// Unchanged counts the resources looked at that stay as they are.
	Unchanged int `json:"unchanged"`
	// Images are the images that containers will be made from.
	Images []*Image `json:"images,omitempty"`
	// Names are those of cells in each space in which /etc/hosts files will be written.
	Names []SpaceNames `json:"names,omitempty"`
	// Profiles are the AppArmor profiles that are loaded before the first step.
	Profiles []string `json:"profiles,omitempty"`
	// Moves and Imports are made in the state before the first step.
	Moves   []Move   `json:"moves,omitempty"`
	Imports []Import `json:"imports,omitempty"`
	// Outputs are recorded once all steps are done.
	Outputs []OutputChange `json:"outputs,omitempty"`
	// Steps are the operations that make up the changes.
	Steps []Step `json:"steps"`
	// Diagnostics are the warnings that came up while planning, failed checks of the configuration among them. [New] leaves
	// them to its caller, who may have others too.
	Diagnostics resource.Diagnostics `json:"diagnostics,omitempty"`
	// Key is what the plan's values are sealed with where the state had no key yet: applying the plan gives the state
	// this one. Only a saved plan keeps it; nobody is shown it.
	Key resource.SealKey `json:"-"`
}

// Prior identifies a state.
type Prior struct {
	Lineage     string `json:"lineage"`
	Serial      uint64 `json:"serial"`
	Fingerprint string `json:"fingerprint"`
}

// PriorOf returns the identity of st.
func PriorOf(st *state.State) Prior {
	return Prior{Lineage: st.Lineage, Serial: st.Serial, Fingerprint: st.Fingerprint()}
}

// Change is what happens to one resource.
type Change struct {
	Path   resource.Path `json:"path"`
	Action Action        `json:"action"`
	// Reasons say why, beyond the differences in Diffs, in words for people.
	Reasons []string `json:"reasons,omitempty"`
	// Diffs are the differences between the recorded and the desired spec.
	Diffs []Diff `json:"diffs,omitempty"`
	// Before is the prior record, nil where there is none; for a container that no state knows it says what
	// its labels tell.
	Before *state.Record `json:"before"`
	// After is the record that the executor will write, but for times and for limits read back; nil for a delete.
	After *state.Record `json:"after"`
	// RemoveImages says that the images of a realm that is deleted or replaced go with it; else its containerd namespace
	// stays if it holds any.
	RemoveImages bool `json:"remove_images,omitempty"`
	// Start says that an updated container is also started.
	Start bool `json:"start,omitempty"`
	// Signal is the one sent, for [Kill].
	Signal string `json:"signal,omitempty"`
	// GraceSeconds is, for [Stop], [Shutdown] and [Restart], in place of the container's own grace period.
	GraceSeconds *int64 `json:"grace_seconds,omitempty"`
	// Check is what a container is waited for to be, healthy or completed; empty where it isn't.
	Check resource.Condition `json:"check,omitempty"`
}

// ChangesByPath returns the changes by the path of their resource.
func (p *Plan) ChangesByPath() map[resource.Path]*Change {
	m := make(map[resource.Path]*Change, len(p.Changes))
	for _, c := range p.Changes {
		m[c.Path] = c
	}
	return m
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool {
	return len(p.Steps) == 0 && len(p.Profiles) == 0 && len(p.Moves) == 0 && len(p.Imports) == 0 && len(p.Outputs) == 0
}

// Summary counts the changes of a plan as Terraform does: a replacement both adds and destroys.
type Summary struct {
	Add, Change, Destroy, Start, Stop, Record, Check, Adopt, Forget, Move, Import int
}

// Summary counts the changes.
func (p *Plan) Summary() Summary {
	s := Summary{Move: len(p.Moves), Import: len(p.Imports)}
	for _, c := range p.Changes {
		switch c.Action {
		case Create:
			s.Add++
		case Update:
			s.Change++
		case Replace:
			s.Add++
			s.Destroy++
		case Delete:
			s.Destroy++
		case Start, Restart:
			s.Start++
		case Stop, Shutdown, Kill, Pause, Unpause:
			s.Stop++
		case Record:
			s.Record++
		case Check:
			s.Check++
		case Adopt:
			s.Adopt++
		case Forget:
			s.Forget++
		}
	}
	return s
}

// New plans the way from prior and actual to desired. desired may be nil for [Options.Destroy]. When the
// diagnostics hold an error the plan is nil.
func New(desired *resource.Tree, prior *state.State, actual *Actual, opts Options) (*Plan, resource.Diagnostics) {
	if desired == nil || opts.Destroy {
		desired = resource.NewTree()
	}
	var diags resource.Diagnostics
	original := prior
	prior, moves := MoveAndImport(original, opts.Moves, opts.Imports, &diags)
	actual = actual.moved(moves, original, prior)
	orphans := orphansOf(prior, actual, opts.Destroy && opts.Images)
	desired = settleRoots(ignoring(desired, prior), rootsFound(prior, orphans), prior, &opts)
	d := &decider{
		desired: desired, prior: prior, actual: actual, opts: opts, diags: diags,
		changes: map[resource.Path]*Change{}, orphans: orphans, kills: NewOOMKills(prior, actual),
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
	plan := &Plan{
		Changes: []*Change{}, Steps: []Step{}, // never null as JSON
		Prior: PriorOf(original), Project: opts.Project, Destroy: opts.Destroy, Targets: opts.Targets, Names: d.names,
		Profiles: d.profiles(), Moves: moves, Imports: opts.Imports, Outputs: outputChanges(prior, &opts),
	}
	if !opts.Destroy && !opts.ByHand {
		plan.Directory, plan.Unnamed = opts.Directory, opts.Unnamed
	}
	for _, p := range d.order {
		if c := d.changes[p]; c != nil {
			plan.Changes = append(plan.Changes, c)
		} else if d.prior.Records[p] != nil && d.targeted(p) {
			plan.Unchanged++
		}
	}
	if err := buildSteps(plan, desired, prior, actual); err != nil {
		d.diags.Errorf(resource.Range{}, "", "Changes wait for each other", "%v", err)
		return nil, d.diags
	}
	return plan, d.diags
}
