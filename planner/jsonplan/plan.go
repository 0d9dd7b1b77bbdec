package jsonplan

import (
	"encoding/json"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/outline"
	"github.com/kukeon/kuke/planner/plan"
)

// The versions of the formats, and of the Terraform that writes them in the same way.
const (
	PlanFormat       = "1.2"
	StateFormat      = "1.0"
	TerraformVersion = "1.12.0"
)

// Provider is the address of the provider that Terraform's format has for each resource.
const Provider = "kukeon.io/kukeon/kuke"

// Plan is a plan in the format of terraform show -json PLANFILE.
type Plan struct {
	FormatVersion      string                      `json:"format_version"`
	TerraformVersion   string                      `json:"terraform_version"`
	KukeVersion        string                      `json:"kuke_version"`
	Applyable          bool                        `json:"applyable"`
	Complete           bool                        `json:"complete"`
	Errored            bool                        `json:"errored"`
	Variables          map[string]outline.Variable `json:"variables"`
	ResourceChanges    []ResourceChange            `json:"resource_changes"`
	OutputChanges      map[string]Change           `json:"output_changes"`
	ResourceDrift      []ResourceChange            `json:"resource_drift"`
	PlannedValues      StateValues                 `json:"planned_values"`
	PriorState         State                       `json:"prior_state"`
	Configuration      Configuration               `json:"configuration"`
	RelevantAttributes []RelevantAttribute         `json:"relevant_attributes"`
	Checks             []Check                     `json:"checks"`
	Hazards            []plan.Hazard               `json:"hazards"`
	Cost               *plan.Cost                  `json:"cost"`
	Kuke               PlanFacts                   `json:"kuke"`
}

// PlanFacts are the facts about a plan that Terraform's format has no field for.
type PlanFacts struct {
	Project   string `json:"project"`
	Directory string `json:"directory"`
	Destroy   bool   `json:"destroy"`
	// Rollback is the number of the entry of the history to whose configuration the plan goes back, 0 for none.
	Rollback    uint64               `json:"rollback,omitempty"`
	Targets     []resource.Path      `json:"targets"`
	Prior       plan.Prior           `json:"prior"`
	Images      []*plan.Image        `json:"images"`
	Stopped     []resource.Path      `json:"stopped"`
	Diagnostics resource.Diagnostics `json:"diagnostics"`
	// Policy is nil for a plan that was checked with no policies.
	Policy *plan.Verdict `json:"policy"`
}

// ResourceChange is the change of a resource, or the difference of a resource from its record.
type ResourceChange struct {
	Address         string          `json:"address"`
	PreviousAddress string          `json:"previous_address,omitempty"`
	ModuleAddress   string          `json:"module_address,omitempty"`
	Mode            string          `json:"mode"`
	Type            string          `json:"type"`
	Name            string          `json:"name"`
	Index           json.RawMessage `json:"index,omitempty"`
	ProviderName    string          `json:"provider_name"`
	Change          Change          `json:"change"`
	ActionReason    string          `json:"action_reason,omitempty"`
	Kuke            ChangeFacts     `json:"kuke"`
}

// ChangeFacts are the facts about a change that Terraform's format has no field for.
type ChangeFacts struct {
	// Action is that of kuke, or "no-op".
	Action  string   `json:"action"`
	Reasons []string `json:"reasons"`
	// Changed names the values that differ, as HCL does, the withheld ones too.
	Changed []string `json:"changed"`
	// Block is the address of the block in the configuration that declares the resource.
	Block string `json:"block,omitempty"`
}

// Change is the change of a resource or an output.
type Change struct {
	Actions         []string   `json:"actions"`
	Before          any        `json:"before"`
	After           any        `json:"after"`
	AfterUnknown    any        `json:"after_unknown"`
	BeforeSensitive any        `json:"before_sensitive"`
	AfterSensitive  any        `json:"after_sensitive"`
	ReplacePaths    [][]any    `json:"replace_paths,omitempty"`
	Importing       *Importing `json:"importing,omitempty"`
}

// Importing says that a change takes a container that exists into the state.
type Importing struct {
	ID string `json:"id"`
}

// RelevantAttribute is a resource from which values of a changed one come. The attribute is not told: it is the empty path.
type RelevantAttribute struct {
	Resource  string   `json:"resource"`
	Attribute []string `json:"attribute"`
}

// Of returns the plan as a document. version is that of kuke.
func Of(p *plan.Plan, version string) *Plan {
	b := newBuilder(p)
	doc := &Plan{
		FormatVersion: PlanFormat, TerraformVersion: TerraformVersion, KukeVersion: version,
		Applyable: !p.Empty(), Complete: len(p.Targets) == 0,
		Variables: map[string]outline.Variable{}, Configuration: configurationOf(p.Configuration),
		ResourceChanges: []ResourceChange{}, ResourceDrift: b.drift(), OutputChanges: outputChanges(p),
		RelevantAttributes: b.relevant(), Checks: checksOf(p.Configuration),
		Hazards: filled(p.Hazards), Cost: p.Cost,
		Kuke: PlanFacts{
			Project: p.Project, Directory: p.Directory, Destroy: p.Destroy, Rollback: p.Rollback, Targets: filled(p.Targets), Prior: p.Prior,
			Images: filled(p.Images), Stopped: filled(p.Stopped), Diagnostics: filled(p.Diagnostics), Policy: p.Policy,
		},
	}
	if p.Configuration != nil {
		for name, v := range p.Configuration.Variables {
			doc.Variables[name] = v
		}
	}
	before, after := outputsOf(p)
	var prior, planned []located
	for i := range b.entries {
		e := &b.entries[i]
		if e.untargeted == nil {
			doc.ResourceChanges = append(doc.ResourceChanges, b.resourceChange(e))
		}
		if r := e.prior(); r != nil {
			prior = append(prior, located{r, b.instances[e.path]})
		}
		if r := e.planned(); r != nil {
			planned = append(planned, located{r, b.instances[e.path]})
		}
	}
	doc.PriorState = State{FormatVersion: StateFormat, TerraformVersion: TerraformVersion, Values: b.values.of(before, prior)}
	doc.PlannedValues = b.values.of(after, planned)
	return doc
}

// filled returns a list that is not null as JSON.
func filled[S ~[]E, E any](list S) S {
	if list == nil {
		return S{}
	}
	return list
}
