package state

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sort"
	"time"

	"github.com/kukeon/kuke/config/resource"
)

// Record is one resource as it was last made or changed.
type Record struct {
	Path   resource.Path `json:"path"`
	Spec   resource.Spec `json:"spec"`
	Status Status        `json:"status"`
}

// Status is what is known of a resource beyond what the user asked for.
type Status struct {
	// Project owns the resource; empty for one made by an imperative command.
	Project string `json:"project,omitempty"`
	// Namespace is the containerd namespace (of the realm that the resource is, or lies in).
	Namespace string `json:"namespace,omitempty"`
	// Cgroup is the path of the resource's cgroup below the cgroup root, with a leading "/".
	Cgroup string `json:"cgroup,omitempty"`
	// Limits are the limits of that cgroup as the kernel gave them back; nil where none were asked for.
	Limits *resource.Resources `json:"limits,omitempty"`
	// ContainerID is the containerd id of a container.
	ContainerID string `json:"containerId,omitempty"`
	// CellID is the id of a cell that has another than its path makes, see [Record.CellID].
	CellID string `json:"cellId,omitempty"`
	// FormerName is what the resource was called before it was moved last; empty where it never was.
	FormerName string `json:"formerName,omitempty"`
	// Imported says that kuke did not make the container: it has an id of its own, and is not in the network namespace of
	// its cell. Once it is replaced it is as others are.
	Imported bool `json:"imported,omitempty"`
	// PreventDestroy says that the configuration that was applied wants it never to be destroyed.
	PreventDestroy bool `json:"preventDestroy,omitempty"`
	// SpecDigest is the creation digest of a container's spec, see [resource.CreationDigest].
	SpecDigest string `json:"specDigest,omitempty"`
	// ImageDigest is the digest of the image's manifest or index that a container was made from.
	ImageDigest string `json:"imageDigest,omitempty"`
	// Network is a space's.
	Network *Network `json:"network,omitempty"`
	// Attachment is how a cell is on the network.
	Attachment *Attachment `json:"attachment,omitempty"`
	// Health is what the last check of a container came to; nil where it was never checked since its start.
	Health *Health `json:"health,omitempty"`
	// Run is what the user made of a container that would otherwise run: "stopped" or "paused"; empty for one that runs.
	Run string `json:"run,omitempty"`
	// Exit is how a container ended that the user stopped or killed, that others waited for, that had ended when it was shut
	// down, or that was seen to have done its work; nil where it was not seen to end, or is to be started again. It is about a
	// container of this SpecDigest.
	Exit *Exit `json:"exit,omitempty"`
	// CreatedAt and UpdatedAt tell when the resource was made and last changed.
	CreatedAt *time.Time `json:"createdAt,omitempty"`
	UpdatedAt *time.Time `json:"updatedAt,omitempty"`
}

// CellDependencies returns the cells that the recorded cell depends on; none where r is nil.
func (r *Record) CellDependencies() []resource.CellDependency {
	if r == nil {
		return nil
	}
	return r.Spec.(*resource.Cell).DependsOn
}

// Exit is how the task of a container ended.
type Exit struct {
	// Code is that of the process, or 128 and the number of the signal that ended it.
	Code uint32    `json:"code"`
	At   time.Time `json:"at"`
}

// UnmarshalJSON decodes a record; its path tells which kind of spec it holds.
func (r *Record) UnmarshalJSON(data []byte) error {
	var raw struct {
		Path   string          `json:"path"`
		Spec   json.RawMessage `json:"spec"`
		Status Status          `json:"status"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	p, err := resource.ParsePath(raw.Path)
	if err != nil {
		return err
	}
	spec := resource.NewSpec(p.Kind())
	if err := json.Unmarshal(raw.Spec, spec); err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	*r = Record{Path: p, Spec: spec, Status: raw.Status}
	return nil
}

// State is the whole of what was recorded at one moment.
type State struct {
	// Lineage identifies the state over its life (a UUID); empty while nothing was ever recorded.
	Lineage string
	// Serial counts the commands that changed it.
	Serial uint64
	// Outputs are the values that configurations gave out, by their project and name.
	Outputs Outputs
	// Projects tells from where projects were applied.
	Projects Projects
	Records  map[resource.Path]*Record
	// Unreadable are the files that something is recorded in, and that can't be read.
	Unreadable []Unreadable
}

// Paths returns the recorded paths, parents right before what is below them.
func (s *State) Paths() []resource.Path {
	paths := make([]resource.Path, 0, len(s.Records))
	for p := range s.Records {
		paths = append(paths, p)
	}
	sort.Slice(paths, func(i, j int) bool { return resource.ComparePaths(paths[i], paths[j]) < 0 })
	return paths
}

// Namespace returns the containerd namespace of the realm that p is or lies in: what desired, which may be nil, makes
// of it, else what is recorded, else the default.
func (s *State) Namespace(p resource.Path, desired *resource.Tree) string {
	if desired != nil {
		if r := desired.Resource(p.Realm()); r != nil && !r.External {
			return resource.NamespaceOf(p, r.Spec.(*resource.Realm))
		}
	}
	if r := s.Records[p.Realm()]; r != nil {
		return r.Status.Namespace
	}
	return resource.NamespaceOf(p, nil)
}

// Fingerprint returns a digest of all records: equal for two states exactly when a plan made from one holds
// for the other.
func (s *State) Fingerprint() string {
	sum := sha256.New()
	enc := json.NewEncoder(sum)
	for _, p := range s.Paths() {
		if err := enc.Encode(s.Records[p]); err != nil {
			panic("state: records are always JSON: " + err.Error())
		}
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}
