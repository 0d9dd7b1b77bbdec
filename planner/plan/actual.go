package plan

import (
	"net/netip"
	"slices"
	"time"

	"github.com/kukeon/kuke/config/resource"
)

// CgroupV1 is the mode of cgroups in which the kernel lets no cgroup have more processors than the one above it.
const CgroupV1 = "v1"

// Actual is the host as the executor's refresh found it.
type Actual struct {
	// At is when the refresh looked at containerd.
	At time.Time
	// Version is containerd's.
	Version string
	// CgroupMode is "v2" or [CgroupV1]; Controllers holds those that limits can be set with: memory, cpu, pids, io,
	// and swap where the memory controller accounts for that.
	CgroupMode  string
	Controllers map[string]bool
	// Namespaces holds the observed containerd namespaces by name. A namespace that does not exist has no entry.
	Namespaces map[string]*Namespace
	// Cgroups holds the limits of the cgroups of recorded resources and of those found below /kukeon, by path
	// below the cgroup root. A cgroup that does not exist has no entry.
	Cgroups map[string]resource.Resources
	// OOM holds the OOM counters by cgroup, as Cgroups does. A cgroup whose memory never ran out has no entry.
	OOM map[string]OOM
	// Frozen holds the cgroups that are frozen themselves, not only within a frozen one.
	Frozen map[string]bool
	// Images holds the status of the images that desired containers name.
	Images map[ImageKey]ImageStatus
	// Manifests holds, by the digests of indexes of images, those of the manifests in them that are for this host's
	// platform: as far as two digests of an image had to be compared, and containerd has their content.
	Manifests map[string]string
	// Networks lists, for each recorded space, the parts of its network that differ from the record. A sound space has no entry.
	Networks map[resource.Path][]string
	// Cells holds the observed networks of recorded and desired cells.
	Cells map[resource.Path]*CellNetwork
	// Routes are the routes of the host, but for default ones; CNINetworks those configured beside kuke's own.
	Routes      []Route
	CNINetworks []CNINetwork
	// NoIPv6 says why spaces can have no IPv6 on this host; empty where they can.
	NoIPv6 string
	// Addresses are the host's own, of IPv4 and IPv6; none where they were not looked at.
	Addresses []netip.Addr
	// Dropping are the chains of other firewalls that drop packets of spaces, and that kuke can't change.
	Dropping []DroppingChain
	// Sockets are the listening sockets of the host, and Mappings the ports that it forwards. Both are nil if no
	// container publishes a port.
	Sockets  []Socket
	Mappings []PortMapping
	// Unhealthy says of recorded containers that are to be restarted when they are unhealthy, why they are, where no process restarts them.
	Unhealthy map[resource.Path]string
	// RestartPolicies are the policies that containerd's restart monitor supports; none where it has no monitor.
	RestartPolicies []string
	// MissingPlugins holds the missing CNI plugins and programs that networks need.
	MissingPlugins []string
	// CPUSet and CPUSetMems are the processors and the memory nodes that cgroups can be limited to, as the kernel lists them;
	// empty where the host can't tell.
	CPUSet, CPUSetMems string
	// HostFlaws holds the reasons why containers can't run on this host, whatever their images are.
	HostFlaws map[resource.Path][]Flaw
	// MissingPaths holds the missing paths of the host that desired containers and volumes mount or use.
	MissingPaths map[string]bool
	// Unpropagated says of mounts of desired containers whose propagation the mount of the host at their source does not allow, how
	// that one propagates: private or slave.
	Unpropagated map[PropagationKey]string
	// LostPlaces holds the places of recorded volumes that the host does not have, FoundPlaces those of desired volumes without a
	// record that it has; see [state.Volume].
	LostPlaces, FoundPlaces map[string]bool
	// NotDevices holds the paths that desired containers use as devices and that are none, nor directories with some.
	NotDevices map[string]bool
	// Flaws says why desired containers could not run that would be made from an image that the host has: only of those that
	// are new or differ from their record.
	Flaws map[resource.Path][]Flaw
	// UnreadableSecrets says of secrets of desired containers whose values can't be had, why.
	UnreadableSecrets map[SecretKey]string
	// Profiles holds the loaded AppArmor profiles; nil where the host does not enforce AppArmor.
	Profiles map[string]bool
	// FileDrift lists, for each recorded container, the differences of the files of its secrets and configs from the record.
	FileDrift map[resource.Path][]string
}

// PropagationKey is the source of a mount, with the propagation that the mount asks for.
type PropagationKey struct{ Source, Propagation string }

// Within reports whether p is one of the paths, or below one.
func Within(paths []resource.Path, p resource.Path) bool {
	return slices.ContainsFunc(paths, func(q resource.Path) bool { return q.Contains(p) })
}
