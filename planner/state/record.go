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

// Record is one resource as last created or updated.
type Record struct {
	Path   resource.Path `json:"path"`
	Spec   resource.Spec `json:"spec"`
	Status Status        `json:"status"`
}

// Status holds the values of a resource beyond its spec: those that kuke chose or observed.
type Status struct {
	// Project owns the resource; empty for one made by an imperative command.
	Project string `json:"project,omitempty"`
	// Namespace is the containerd namespace of the resource's realm.
	Namespace string `json:"namespace,omitempty"`
	// Cgroup is the path of the resource's cgroup below the cgroup root, with a leading "/".
	Cgroup string `json:"cgroup,omitempty"`
	// Limits are the limits of that cgroup as read back from the kernel; nil where the spec has none.
	Limits *resource.Resources `json:"limits,omitempty"`
	// ContainerID is the containerd id of a container.
	ContainerID string `json:"containerId,omitempty"`
	// CellID is the id of a cell whose id does not follow from its path, see [Record.CellID].
	CellID string `json:"cellId,omitempty"`
	// FormerName is the name of the resource before its last move; empty where it never moved.
	FormerName string `json:"formerName,omitempty"`
	// Imported says that kuke did not create the container: it has an id of its own, and is not in the network namespace of
	// its cell. A replacement of it is created by kuke, and not imported.
	Imported bool `json:"imported,omitempty"`
	// PreventDestroy is lifecycle.preventDestroy of the applied configuration.
	PreventDestroy bool `json:"preventDestroy,omitempty"`
	// SpecDigest is the creation digest of a container's spec, see [resource.CreationDigest].
	SpecDigest string `json:"specDigest,omitempty"`
	// ImageDigest is the digest of the image's manifest or index that a container was created from.
	ImageDigest string `json:"imageDigest,omitempty"`
	// ImageHealthcheck is the HEALTHCHECK of the image that a container was created from; nil where it has none, or where that was
	// not known yet.
	ImageHealthcheck *resource.Healthcheck `json:"imageHealthcheck,omitempty"`
	// Network is the network of a space.
	Network *Network `json:"network,omitempty"`
	// Attachment connects a cell to networks.
	Attachment *Attachment `json:"attachment,omitempty"`
	// Volume is the place of a volume.
	Volume *Volume `json:"volume,omitempty"`
	// Health is the result of a container's last check; nil where there was none since its start.
	Health *Health `json:"health,omitempty"`
	// Run is "stopped" or "paused" for a container that the user stopped or paused, else empty.
	Run string `json:"run,omitempty"`
	// Exit is the observed exit of a container with this SpecDigest: of one that the user stopped or killed, that others
	// waited for, that had exited before a shutdown, or that had completed its work. It is nil where no exit was observed, or
	// where the container is to be started again.
	Exit *Exit `json:"exit,omitempty"`
	// CreatedAt and UpdatedAt are the times of the resource's creation and last update.
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

// Healthcheck returns the check of the recorded container: that of its configuration over that of its image. It is nil if there is none.
func (r *Record) Healthcheck() *resource.Healthcheck {
	return r.Spec.(*resource.Container).Healthcheck.Over(r.Status.ImageHealthcheck)
}

// Exit is the exit of a container's task.
type Exit struct {
	// Code is the exit code of the process, or 128 plus the number of the signal that ended it.
	Code uint32    `json:"code"`
	At   time.Time `json:"at"`
}

// UnmarshalJSON decodes a record; its path gives the kind of its spec.
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

// State is the set of all records at one moment.
type State struct {
	// Lineage identifies the state over its life (a UUID); empty before the first record.
	Lineage string
	// Serial counts the commands that changed it.
	Serial uint64
	// Outputs are the values of outputs, by project and name.
	Outputs Outputs
	// Projects are the applications of projects.
	Projects Projects
	Records  map[resource.Path]*Record
	// Unreadable are the files of the state that can't be read.
	Unreadable []Unreadable
}

// Paths returns the recorded paths, each parent right before its descendants.
func (s *State) Paths() []resource.Path {
	paths := make([]resource.Path, 0, len(s.Records))
	for p := range s.Records {
		paths = append(paths, p)
	}
	sort.Slice(paths, func(i, j int) bool { return resource.ComparePaths(paths[i], paths[j]) < 0 })
	return paths
}

// Namespace returns the containerd namespace of the realm at or above p: that of desired, which may be nil, else the
// recorded one, else the default.
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

// Fingerprint returns a digest of all records: two states have the same one if and only if a plan for one is valid for the
// other.
func (s *State) Fingerprint() string {
	sum := sha256.New()
	enc := json.NewEncoder(sum)
	for _, p := range s.Paths() {
		if err := enc.Encode(s.Records[p]); err != nil {
			panic("state: encode records: " + err.Error())
		}
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}
