package resource

import (
	"reflect"
	"slices"
	"strings"
)

// Kind is a kind of resource, spelled as in a manifest's "kind" field: one of the five levels of the hierarchy, or a volume.
type Kind string

// The kinds, from the top down. Volumes are beside the levels, see [Volume].
const (
	KindRealm     Kind = "Realm"
	KindSpace     Kind = "Space"
	KindStack     Kind = "Stack"
	KindCell      Kind = "Cell"
	KindContainer Kind = "Container"
	KindVolume    Kind = "Volume"
)

// Kinds lists the levels in the order of a path's names: Kinds[0] is the kind of a path with one name.
var Kinds = []Kind{KindRealm, KindSpace, KindStack, KindCell, KindContainer}

// AllKinds lists every kind: the levels, and then volumes.
var AllKinds = append(slices.Clone(Kinds), KindVolume)

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
	KindVolume:    "A directory of the host, or a file system, whose data outlives the containers that mount it.",
}

// Doc returns a sentence that describes resources of kind k.
func (k Kind) Doc() string { return kindDocs[k] }

// Plural returns the word for several resources of kind k.
func (k Kind) Plural() string { return k.Lower() + "s" }

// Parents returns the kinds of the resources that resources of kind k are right below; none for realms.
func (k Kind) Parents() []Kind {
	switch i := slices.Index(Kinds, k); {
	case k == KindVolume:
		return slices.Clone(volumeParents)
	case i > 0:
		return []Kind{Kinds[i-1]}
	}
	return nil
}

// BelongsIn reports whether resources of kind k are right below the one at p; realms are below the empty path.
func (k Kind) BelongsIn(p Path) bool {
	if p == "" {
		return k == KindRealm
	}
	return slices.Contains(k.Parents(), p.Kind())
}

// Under reports whether resources of kind k are below those of kind above, at any distance.
func (k Kind) Under(above Kind) bool {
	for _, parent := range k.Parents() {
		if parent == above || parent.Under(above) {
			return true
		}
	}
	return false
}

// Below returns the path of the resource of kind k called name in the resource at parent.
func (k Kind) Below(parent Path, name string) Path {
	if k == KindVolume {
		return parent.Volume(name)
	}
	return parent.Join(name)
}

// Child returns the level below k, or the empty Kind for containers and volumes.
func (k Kind) Child() Kind {
	for i, kind := range Kinds[:len(Kinds)-1] {
		if kind == k {
			return Kinds[i+1]
		}
	}
	return ""
}

// Depth returns the number of names in a path of kind k, or 0 if k is no level: the paths of volumes differ in it.
func (k Kind) Depth() int {
	for i, kind := range Kinds {
		if kind == k {
			return i + 1
		}
	}
	return 0
}

// Spec holds the attributes of a resource: a pointer to one of [Realm], [Space], [Stack], [Cell], [Container] and [Volume], in
// normal form: sets sorted and free of doubles, references and sizes spelled out.
type Spec interface {
	Kind() Kind
	common() *Common
}

// NewSpec returns an empty spec of kind k. It panics if k is not one of [AllKinds].
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
	case KindVolume:
		return new(Volume)
	}
	panic("resource: unknown kind " + string(k))
}

// Common holds the attributes that every level has.
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
	Memory            int64   `json:"memory,omitempty" kuke:"live,type=bytes,min=1048576" doc:"Maximum memory, in bytes or with a unit such as 64MiB. At least 1 MiB."`
	MemorySwap        int64   `json:"memorySwap,omitempty" kuke:"live,type=bytes,min=1048576,unlimited" doc:"Maximum memory and swap together, in bytes or with a unit such as 128MiB; the value of memory for no swap, -1 for unlimited swap. It requires memory. Default: twice the memory."`
	MemoryReservation int64   `json:"memoryReservation,omitempty" kuke:"live,type=bytes,min=1048576" doc:"Memory that the kernel takes from this level only when there is none left elsewhere, in bytes or with a unit such as 32MiB. Not more than memory."`
	CPUs              float64 `json:"cpus,omitempty" kuke:"live,min=0.01,max=8192" doc:"Maximum processor time, in processors: 0.5 is half of one."`
	CPUWeight         int64   `json:"cpuWeight,omitempty" kuke:"live,min=1,max=10000" doc:"Share of processor time against siblings under contention, 1 to 10000; the kernel's default is 100."`
	CPUSet            string  `json:"cpuset,omitempty" kuke:"live,check=cpuset" doc:"Processors that the processes may run on: numbers and ranges, such as 0-3,8. With cgroup v1 only containers can have it."`
	CPUSetMems        string  `json:"cpusetMems,omitempty" kuke:"live,check=cpuset" doc:"Memory nodes (NUMA) that the processes may use: numbers and ranges, such as 0,1. With cgroup v1 only containers can have it."`
	PIDs              int64   `json:"pids,omitempty" kuke:"live,min=1,max=4194304" doc:"Maximum number of processes and threads."`
	IOWeight          int64   `json:"ioWeight,omitempty" kuke:"live,min=1,max=10000" doc:"Share of block I/O against siblings, 1 to 10000; the kernel's default is 100."`
}
