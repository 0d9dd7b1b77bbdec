package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"sort"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state/durable"
)

// document is the whole state as one JSON document.
type document struct {
	FormatVersion int       `json:"format_version"`
	Lineage       string    `json:"lineage"`
	Serial        uint64    `json:"serial"`
	Outputs       Outputs   `json:"outputs"`
	Projects      Projects  `json:"projects,omitempty"`
	Resources     []*Record `json:"resources"`
}

// MarshalJSON writes the state as one document, which [Parse] reads.
func (s *State) MarshalJSON() ([]byte, error) {
	doc := document{FormatVersion: FormatVersion, Lineage: s.Lineage, Serial: s.Serial, Outputs: s.Outputs, Projects: s.Projects, Resources: []*Record{}}
	for _, p := range s.Paths() {
		doc.Resources = append(doc.Resources, s.Records[p])
	}
	return json.Marshal(doc)
}

// Parse reads the document of [State.MarshalJSON]. The error names the resource that can't be recorded, and the reason.
func Parse(data []byte) (*State, error) {
	var header struct {
		FormatVersion int `json:"format_version"`
	}
	if err := json.Unmarshal(data, &header); err != nil {
		return nil, fmt.Errorf("it is no state: %w", err)
	}
	if header.FormatVersion != FormatVersion {
		return nil, fmt.Errorf("it has format version %d, this kuke reads version %d", header.FormatVersion, FormatVersion)
	}
	var doc document
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("it is no state: %w", err)
	}
	if doc.Lineage == "" && len(doc.Resources) > 0 {
		return nil, errors.New("it has no lineage")
	}
	if err := validateProjects(doc.Projects); err != nil {
		return nil, err
	}
	st := &State{Lineage: doc.Lineage, Serial: doc.Serial, Outputs: doc.Outputs, Projects: doc.Projects, Records: map[resource.Path]*Record{}}
	for i, r := range doc.Resources {
		if r == nil {
			return nil, fmt.Errorf("resource %d is missing", i)
		}
		if err := validateRecord(r); err != nil {
			return nil, fmt.Errorf("%s: %w", r.Path, err)
		}
		if st.Records[r.Path] != nil {
			return nil, fmt.Errorf("%s occurs twice", r.Path)
		}
		st.Records[r.Path] = r
	}
	for p := range st.Records {
		if parent := p.Parent(); parent != "" && st.Records[parent] == nil && !p.IsVolume() { // a volume may outlive its parent
			return nil, fmt.Errorf("%s has no parent: %s is missing", p, parent)
		}
	}
	return st, nil
}

// validateRecord makes sure that the record survives as a manifest: written and read again, it is the same.
func validateRecord(r *Record) error {
	if err := r.validate(); err != nil {
		return err
	}
	data, err := EncodeManifest(r)
	if err != nil {
		return err
	}
	again, err := decodeManifest(r.Path, data)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(again.Spec, r.Spec) {
		return errors.New("its spec can't be written as a manifest")
	}
	return nil
}

// Replace replaces all records with those of st, and forgets the others. It can be repeated after an interruption.
// [Store.Commit] then writes the index.
func (s *Store) Replace(st *State) error {
	var gone []resource.Path
	s.mu.Lock()
	for name := range s.index.Resources {
		if p := resource.Path(name); st.Records[p] == nil {
			gone = append(gone, p)
		}
	}
	// Commit counts on from there.
	s.index.Lineage, s.index.Outputs = st.Lineage, st.Outputs
	s.index.Serial = max(s.index.Serial, st.Serial)
	s.dirty = true
	for _, project := range slices.Sorted(maps.Keys(st.Projects)) {
		if err := s.putProject(project, st.Projects[project]); err != nil {
			s.mu.Unlock()
			return err
		}
	}
	s.mu.Unlock()
	for _, p := range st.Paths() {
		if err := s.Put(st.Records[p]); err != nil {
			return err
		}
	}
	sort.Slice(gone, func(i, j int) bool { return resource.ComparePaths(gone[i], gone[j]) > 0 })
	for _, p := range gone {
		if err := s.Forget(p); err != nil {
			return err
		}
	}
	return nil
}

// Forget removes the record of p, also one that was set aside, and leaves all other files: the log of a container and the
// files of a running cell.
func (s *Store) Forget(p resource.Path) error {
	file := s.ManifestFile(p)
	if err := durable.Remove(file); err != nil {
		return fmt.Errorf("forget %s: %w", p, err)
	}
	removeAside(filepath.Dir(file), filepath.Base(file))
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.index.Resources, string(p))
	delete(s.lost, p)
	s.dirty = true
	return nil
}

// Rebuild makes the next [Store.Commit] write the index, even without a change.
func (s *Store) Rebuild() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirty = true
}
