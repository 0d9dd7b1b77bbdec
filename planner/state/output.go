package state

import (
	"encoding/json"
	"maps"
)

// Output is the value of an output of a configuration.
type Output struct {
	Sensitive bool `json:"sensitive"`
	// Type and Value have the form of Terraform's outputs in JSON; nil for a sensitive value, which is never stored.
	Type  json.RawMessage `json:"type,omitempty"`
	Value json.RawMessage `json:"value,omitempty"`
}

// Outputs holds values by project and name.
type Outputs map[string]map[string]*Output

// Clone returns a copy of the state whose maps can be changed; the records are shared.
func (s *State) Clone() *State {
	c := *s
	c.Records = maps.Clone(s.Records)
	return &c
}

// SetOutput records an output of a project, or removes it where o is nil. [Store.Commit] writes it.
func (s *Store) SetOutput(project, name string, o *Output) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index.Outputs == nil {
		s.index.Outputs = Outputs{}
	}
	all := maps.Clone(s.index.Outputs[project])
	if all == nil {
		all = map[string]*Output{}
	}
	all[name] = o
	if o == nil {
		delete(all, name)
	}
	s.index.Outputs[project] = all
	if len(all) == 0 {
		delete(s.index.Outputs, project)
	}
	s.dirty = true
}

// Outputs returns the current outputs of a project by name. They are not to be changed.
func (s *Store) Outputs(project string) map[string]*Output {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.index.Outputs[project]
}
