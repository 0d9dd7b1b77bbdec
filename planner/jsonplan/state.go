package jsonplan

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/outline"
	"github.com/kukeon/kuke/planner/state"
)

// State is a state in the format of terraform show -json.
type State struct {
	FormatVersion    string      `json:"format_version"`
	TerraformVersion string      `json:"terraform_version"`
	KukeVersion      string      `json:"kuke_version,omitempty"`
	Values           StateValues `json:"values"`
}

// StateValues are the outputs and resources at one moment.
type StateValues struct {
	Outputs    map[string]Output `json:"outputs"`
	RootModule Module            `json:"root_module"`
}

// Module holds the resources of a module, as far as the configuration tells their modules; those of which nothing is known are in
// the root module.
type Module struct {
	Address      string     `json:"address,omitempty"`
	Resources    []Resource `json:"resources"`
	ChildModules []*Module  `json:"child_modules"`
}

// Resource is a resource with its attributes.
type Resource struct {
	Address         string          `json:"address"`
	Mode            string          `json:"mode"`
	Type            string          `json:"type"`
	Name            string          `json:"name"`
	Index           json.RawMessage `json:"index,omitempty"`
	ProviderName    string          `json:"provider_name"`
	SchemaVersion   int             `json:"schema_version"`
	Values          map[string]any  `json:"values"`
	SensitiveValues map[string]any  `json:"sensitive_values"`
	DependsOn       []string        `json:"depends_on"`
}

// OfState returns the state as a document, with the outputs of a project. version is that of kuke.
func OfState(st *state.State, project, version string) *State {
	var all []located
	for _, p := range st.Paths() {
		all = append(all, located{record: st.Records[p]})
	}
	return &State{
		FormatVersion: StateFormat, TerraformVersion: TerraformVersion, KukeVersion: version,
		Values: newValueCache().of(st.Outputs[project], all),
	}
}

// located is a record and the instance in the configuration, nil where that is not known.
type located struct {
	record   *state.Record
	instance *outline.Instance
}

// of returns the values of outputs and records.
func (v *valueCache) of(outputs map[string]*state.Output, records []located) StateValues {
	values := StateValues{Outputs: OutputsOf(outputs), RootModule: Module{Resources: []Resource{}, ChildModules: []*Module{}}}
	modules := map[string]*Module{"": &values.RootModule}
	for _, l := range records {
		m := &values.RootModule
		if l.instance != nil {
			for _, address := range l.instance.Modules {
				inner := modules[address]
				if inner == nil {
					inner = &Module{Address: address, Resources: []Resource{}, ChildModules: []*Module{}}
					modules[address] = inner
					m.ChildModules = append(m.ChildModules, inner)
				}
				m = inner
			}
		}
		set := v.attributes(l.record)
		p := l.record.Path
		m.Resources = append(m.Resources, Resource{
			Address: string(p), Mode: outline.Managed, Type: outline.TypeOf(p.Kind()), Name: p.Name(), Index: l.instance.Key(), ProviderName: Provider,
			Values: set.values, SensitiveValues: set.sensitive, DependsOn: dependsOn(l.record),
		})
	}
	for _, m := range modules {
		slices.SortFunc(m.ChildModules, func(x, y *Module) int { return cmp.Compare(x.Address, y.Address) })
	}
	return values
}

// dependsOn returns the addresses of the containers or cells that a record says are started before it.
func dependsOn(r *state.Record) []string {
	on := []string{}
	switch spec := r.Spec.(type) {
	case *resource.Container:
		for _, d := range spec.DependsOn {
			on = append(on, string(r.Path.Parent().Join(d.Name)))
		}
	case *resource.Cell:
		for _, d := range spec.DependsOn {
			on = append(on, d.Name)
		}
	}
	return on
}

// Output is an output in the formats of terraform output -json and of states. A sensitive one is null: it is not recorded.
type Output struct {
	Sensitive bool            `json:"sensitive"`
	Type      json.RawMessage `json:"type"`
	Value     json.RawMessage `json:"value"`
}

var (
	unknownType = json.RawMessage(`"dynamic"`)
	null        = json.RawMessage(`null`)
)

// OutputsOf returns outputs as terraform output -json writes them.
func OutputsOf(outputs map[string]*state.Output) map[string]Output {
	all := make(map[string]Output, len(outputs))
	for name, o := range outputs {
		if o == nil {
			continue
		}
		all[name] = Output{Sensitive: o.Sensitive, Type: unknownType, Value: null}
		if !o.Sensitive && len(o.Type) > 0 && len(o.Value) > 0 {
			all[name] = Output{Type: o.Type, Value: o.Value}
		}
	}
	return all
}
