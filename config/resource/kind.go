package resource

import (
	"reflect"
	"strings"
)

// Kind is one of the five levels of the hierarchy, spelled as in a manifest's "kind" field.
type Kind string

// The kinds, from the top down.
const (
	KindRealm     Kind = "Realm"
	KindSpace     Kind = "Space"
	KindStack     Kind = "Stack"
	KindCell      Kind = "Cell"
	KindContainer Kind = "Container"
)

// Kinds lists the kinds in the order of a path's names: Kinds[0] is the kind of a path with one name.
var Kinds = []Kind{KindRealm, KindSpace, KindStack, KindCell, KindContainer}

// APIVersion is the manifest version this package describes.
const APIVersion = "v1beta1"

// Lower returns the kind in lower case: its HCL block type and its word in sentences.
func (k Kind) Lower() string { return strings.ToLower(string(k)) }

// kindDocs describe each kind on the host.
var kindDocs = map[Kind]string{
	KindRealm:     "A containerd namespace, with a cgroup over everything in it.",
	KindSpace:     "A network: a bridge with a subnet and a firewall table of its own; and a cgroup.",
	KindStack:     "A naming scope for cells that belong together, with a cgroup.",
	KindCell:      "A network namespace with an address, which its root container owns; and a cgroup.",
	KindContainer: "An OCI container and its task in containerd, with a cgroup leaf.",
}

// Doc returns a sentence that describes resources of kind k.
func (k Kind) Doc() string { return kindDocs[k] }

// Child returns the kind one level below k, or the empty Kind for containers.
func (k Kind) Child() Kind {
	for i, kind := range Kinds[:len(Kinds)-1] {
		if kind == k {
			return Kinds[i+1]
		}
	}
	return ""
}

// Depth returns the number of names in a path of kind k, or 0 if k is no kind.
func (k Kind) Depth() int {
	for i, kind := range Kinds {
		if kind == k {
			return i + 1
		}
	}
	return 0
}

// Spec holds the attributes of a resource: a pointer to one of [Realm], [Space], [Stack], [Cell] and [Container], in
// normal form: sets sorted and free of doubles, references and sizes spelled out.
type Spec interface {
	Kind() Kind
	common() *Common
}

// NewSpec returns an empty spec of kind k. It panics if k is not one of [Kinds].
func NewSpec(k Kind) Spec {
	switch k {
	case KindRealm:
		return new(Realm)
	case KindSpace:
		return new(Space)
	case KindStack:
		return new(Stack)
	case KindCell:
		return new(Cell)
	case KindContainer:
		return new(Container)
	}
	panic("resource: unknown kind " + string(k))
}

// Common holds the attributes every kind has.
type Common struct {
	Labels    map[string]string `json:"labels,omitempty" kuke:"live" doc:"Labels of your own, by key. Keys below kukeon.io/ are reserved."`
	Resources *Resources        `json:"resources,omitempty" kuke:"live" doc:"Limits of the cgroup of this level, in force for everything below it together."`
}

func (c *Common) common() *Common { return c }

// LabelsOf returns the labels of s, nil where it has none.
func LabelsOf(s Spec) map[string]string { return s.common().Labels }

// ResourcesOf returns the limits of s, never nil.
func ResourcesOf(s Spec) *Resources {
	if r := s.common().Resources; r != nil {
		return r
	}
	return new(Resources)
}

// WithResources returns a copy of s with other limits, nil for none. The rest of it is shared with s.
func WithResources(s Spec, r *Resources) Spec {
	fresh := reflect.New(reflect.TypeOf(s).Elem())
	fresh.Elem().Set(reflect.ValueOf(s).Elem())
	copied := fresh.Interface().(Spec)
	if r != nil && *r == (Resources{}) {
		r = nil
	}
	copied.common().Resources = r
	return copied
}

// Unlimited is the value of a size without a limit, for attributes whose absence means a default.
const Unlimited = -1

// Resources are the limits of one cgroup. A zero field sets no limit, except that a limit of memory also limits swap, see
// [Resources.Swap].
type Resources struct {
	Memory     int64   `json:"memory,omitempty" kuke:"live,type=bytes,min=1048576" doc:"Maximum memory, in bytes or with a unit such as 64MiB. At least 1 MiB."`
	MemorySwap int64   `json:"memorySwap,omitempty" kuke:"live,type=bytes,min=1048576,unlimited" doc:"Maximum memory and swap together, in bytes or with a unit such as 128MiB; the value of memory for no swap, -1 for unlimited swap. It requires memory. Default: twice the memory."`
	CPUs       float64 `json:"cpus,omitempty" kuke:"live,min=0.01,max=8192" doc:"Maximum processor time, in processors: 0.5 is half of one."`
	CPUWeight  int64   `json:"cpuWeight,omitempty" kuke:"live,min=1,max=10000" doc:"Share of processor time against siblings under contention, 1 to 10000; the kernel's default is 100."`
	PIDs       int64   `json:"pids,omitempty" kuke:"live,min=1,max=4194304" doc:"Maximum number of processes and threads."`
	IOWeight   int64   `json:"ioWeight,omitempty" kuke:"live,min=1,max=10000" doc:"Share of block I/O against siblings, 1 to 10000; the kernel's default is 100."`
}
