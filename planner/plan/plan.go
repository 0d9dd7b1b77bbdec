package plan

import (
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/outline"
	"github.com/kukeon/kuke/planner/state"
)

// Plan holds the changes of an apply, their reasons and their steps.
type Plan struct {
	// Prior identifies the state that the plan was made from.
	Prior Prior `json:"prior"`
	// Project is the project the plan belongs to.
	Project string `json:"project"`
	// Directory is the absolute path of the applied configuration's directory: it is recorded with the project. Unnamed
	// is [planner.Options.Unnamed].
	Directory string `json:"directory,omitempty"`
	Unnamed   bool   `json:"unnamed,omitempty"`
	Destroy   bool   `json:"destroy,omitempty"`
	// Rollback is the number of the entry of the history whose configuration the plan goes back to.
	Rollback uint64          `json:"rollback,omitempty"`
	Targets  []resource.Path `json:"targets,omitempty"`
	// Changes holds one entry for each resource that changes, parents first.
	Changes []*Change `json:"changes"`
	// Unchanged are the records of the compared resources without a change, parents first. Untargeted are those of the project
	// that the targets leave out.
	Unchanged  []*state.Record `json:"unchanged"`
	Untargeted []*state.Record `json:"untargeted,omitempty"`
	// Kept are the records of volumes that stay although no configuration declares them any more, or their parents are gone. They
	// are no changes.
	Kept []*state.Record `json:"kept,omitempty"`
	// Drift are the differences between the records and the host that the configuration did not cause, in the order of the paths.
	Drift []Drift `json:"drift,omitempty"`
	// Stopped are those of Unchanged that are containers which a command has stopped or killed, so that the plan does not start
	// them.
	Stopped []resource.Path `json:"stopped,omitempty"`
	// Images are the images of the containers that will be created.
	Images []*Image `json:"images,omitempty"`
	// Names are those of cells in each space in which /etc/hosts files will be written.
	Names []SpaceNames `json:"names,omitempty"`
	// Profiles are the AppArmor profiles that are loaded before the first step.
	Profiles []string `json:"profiles,omitempty"`
	// Moves and Imports are made in the state before the first step.
	Moves   []Move   `json:"moves,omitempty"`
	Imports []Import `json:"imports,omitempty"`
	// Outputs are recorded once all steps are done. KeptOutputs are those that stay as they are recorded.
	Outputs     []OutputChange           `json:"outputs,omitempty"`
	KeptOutputs map[string]*state.Output `json:"kept_outputs,omitempty"`
	// Steps are the operations that make up the changes.
	Steps []Step `json:"steps"`
	// Diagnostics are the warnings that came up while planning, failed checks of the configuration among them. [planner.New] leaves
	// them to its caller, who may have others too.
	Diagnostics resource.Diagnostics `json:"diagnostics,omitempty"`
	// Configuration is the configuration that the plan is for, as it is written; nil without one. It is for reviewers, and the caller of
	// [planner.New] adds it.
	Configuration *outline.Outline `json:"configuration,omitempty"`
	// Hazards and Cost are for reviewers. [planner.New] leaves them to its caller, who can ask the host and the registries.
	Hazards []Hazard `json:"hazards,omitempty"`
	Cost    *Cost    `json:"cost,omitempty"`
	// Policy is the verdict of the policies that the plan was checked with; nil if there were none.
	Policy *Verdict `json:"policy,omitempty"`
	// Key seals the values of the plan if the state had no key yet: applying the plan gives the state this key. Only a
	// saved plan holds it, and no output shows it.
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

// Summary counts the changes of a plan as Terraform does: a replacement both adds and destroys.
type Summary struct {
	Add, Change, Destroy, Start, Stop, Record, Check, Adopt, Forget, Move, Import int
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

// Drifted returns all differences between the records and the host, in the order of the paths: those that the plan goes on from,
// and those that it records.
func (p *Plan) Drifted() []Drift {
	all := slices.Clone(p.Drift)
	for _, c := range p.Changes {
		if c.Action == Record {
			all = append(all, Drift{Path: c.Path, Reasons: c.Reasons, After: c.After, Gone: c.After == nil})
		}
	}
	slices.SortStableFunc(all, func(x, y Drift) int { return resource.ComparePaths(x.Path, y.Path) })
	return all
}

// Wants returns the created and changed resources of the plan as a configuration, to observe the host for them again. Like
// [planner.New], it leaves out destroyed resources.
func (p *Plan) Wants() *resource.Tree {
	tree := resource.NewTree()
	for _, c := range p.Changes {
		if c.After != nil && c.Action != Record && !p.Destroy {
			tree.Add(&resource.Resource{Path: c.Path, Spec: c.After.Spec})
		}
	}
	return tree
}
