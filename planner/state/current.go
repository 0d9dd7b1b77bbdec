package state

import (
	"maps"

	"github.com/kukeon/kuke/config/resource"
)

// Current returns the state as this process has read and written it since [Store.Read].
func (s *Store) Current() *State {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &State{
		Lineage: s.index.Lineage, Serial: s.index.Serial, Outputs: maps.Clone(s.index.Outputs), Projects: maps.Clone(s.projects),
		Records: make(map[resource.Path]*Record, len(s.index.Resources)),
	}
	for p, entry := range s.index.Resources {
		st.Records[resource.Path(p)] = entry.Record
	}
	return st
}
