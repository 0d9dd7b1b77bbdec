package state

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state/durable"
)

// durationsName is the file of [Durations]. No realm can have this name.
const durationsName = "durations.json"

// Duration is the time that an operation on a resource took. Path is empty for an operation on no resource, such as a pull.
type Duration struct {
	Op   string
	Path resource.Path
	Took time.Duration
}

// Durations tell how long operations took in earlier applies. They are hints: a file that is lost or can't be read leaves
// them empty.
type Durations struct {
	// own holds milliseconds by operation and path.
	own map[string]map[resource.Path]int64
	// means holds the means of own by operation and kind; the kind of the empty path is empty.
	means map[opKind]time.Duration
}

type opKind struct {
	op   string
	kind resource.Kind
}

func opKindOf(op string, p resource.Path) opKind {
	if p == "" {
		return opKind{op: op}
	}
	return opKind{op, p.Kind()}
}

// durationsFile is the content of the file.
type durationsFile struct {
	FormatVersion int                                `json:"format_version"`
	Milliseconds  map[string]map[resource.Path]int64 `json:"milliseconds"`
}

// Estimate returns the time that the operation on the resource at p takes: its own, or else the mean of the same operation on
// resources of the kind. ok is false where neither is known.
func (d Durations) Estimate(op string, p resource.Path) (took time.Duration, ok bool) {
	if ms, ok := d.own[op][p]; ok {
		return time.Duration(ms) * time.Millisecond, true
	}
	took, ok = d.means[opKindOf(op, p)]
	return took, ok
}

// Durations returns the recorded durations.
func (s *Store) Durations() Durations {
	data, err := durable.ReadFile(s.durationsFile())
	if err != nil {
		return Durations{}
	}
	var file durationsFile
	if json.Unmarshal(data, &file) != nil || file.FormatVersion != FormatVersion {
		return Durations{}
	}
	for _, paths := range file.Milliseconds {
		for p, ms := range paths {
			if _, err := resource.ParsePath(string(p)); p != "" && err != nil || ms < 0 {
				delete(paths, p)
			}
		}
	}
	return durationsOf(file.Milliseconds)
}

// durationsOf computes the means.
func durationsOf(own map[string]map[resource.Path]int64) Durations {
	d := Durations{own: own, means: map[opKind]time.Duration{}}
	counts := map[opKind]time.Duration{}
	for op, paths := range own {
		for p, ms := range paths {
			counts[opKindOf(op, p)]++
			d.means[opKindOf(op, p)] += time.Duration(ms) * time.Millisecond
		}
	}
	for k, n := range counts {
		d.means[k] /= n
	}
	return d
}

// RecordDurations adds the durations of an apply to the recorded ones, of which it drops those of resources without a record.
// A new duration counts as much as all earlier ones of the same operation and path. The caller holds the [Lock].
func (s *Store) RecordDurations(took []Duration) error {
	if len(took) == 0 {
		return nil
	}
	own := s.Durations().own
	if own == nil {
		own = map[string]map[resource.Path]int64{}
	}
	for _, d := range took {
		if own[d.Op] == nil {
			own[d.Op] = map[resource.Path]int64{}
		}
		ms := d.Took.Round(time.Millisecond).Milliseconds()
		if before, ok := own[d.Op][d.Path]; ok {
			ms = (before + ms) / 2
		}
		own[d.Op][d.Path] = ms
	}
	s.dropUnrecorded(own)
	if s.empty() || len(own) == 0 {
		return s.removeDurations()
	}
	data, err := json.Marshal(durationsFile{FormatVersion: FormatVersion, Milliseconds: own})
	if err == nil {
		err = durable.WriteFile(s.durationsFile(), append(data, '\n'), fileMode)
	}
	if err != nil {
		return fmt.Errorf("record the durations of operations: %w", err)
	}
	return nil
}

// dropUnrecorded drops the durations of resources without a record.
func (s *Store) dropUnrecorded(own map[string]map[resource.Path]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for op, paths := range own {
		for p := range paths {
			if _, recorded := s.index.Resources[string(p)]; p != "" && !recorded {
				delete(paths, p)
			}
		}
		if len(paths) == 0 {
			delete(own, op)
		}
	}
}

// empty reports whether no resource is recorded.
func (s *Store) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.index.Resources) == 0
}

func (s *Store) removeDurations() error {
	if err := durable.Remove(s.durationsFile()); err != nil {
		return fmt.Errorf("remove the durations of operations: %w", err)
	}
	return nil
}

func (s *Store) durationsFile() string { return filepath.Join(s.dir, durationsName) }
