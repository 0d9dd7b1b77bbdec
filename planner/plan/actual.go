package plan

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// Labels by which kuke recognises its own in containerd. They are never the record.
const (
	LabelPath        = "kukeon.io/path"
	LabelProject     = "kukeon.io/project"
	LabelRole        = "kukeon.io/role" // of a container: "root", or its name
	LabelSpecDigest  = "kukeon.io/spec-digest"
	LabelImageDigest = "kukeon.io/image-digest"
	LabelKept        = "kukeon.io/kept"  // of the containerd namespace of a realm that is gone: what it was kept for, [KeptImages]
	LabelID          = "kukeon.io/id"    // of a container that was renamed: its id, which doesn't follow from its path any more
	LabelTrial       = "kukeon.io/trial" // of a container that [OpPrepare] makes for a moment: the path of the one that it stands in for
)

// KeptImages is the value of [LabelKept] of a namespace that holds nothing but images.
const KeptImages = "images"

// Claims returns the path that the labels of the container with the id give it. ok is false where they are not its own, but
// copied from another one.
func Claims(id string, labels map[string]string) (p resource.Path, ok bool) {
	p, err := resource.ParsePath(labels[LabelPath])
	return p, err == nil && p.Kind() == resource.KindContainer && (resource.ContainerID(p) == id || labels[LabelID] == id)
}

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
	// Namespaces holds the containerd namespaces looked at, by name; one that is missing isn't there.
	Namespaces map[string]*Namespace
	// Cgroups holds the limits of the cgroups of recorded resources and of those found below /kukeon, by path
	// below the cgroup root; one that is missing isn't there.
	Cgroups map[string]resource.Resources
	// OOM holds what came of it that memory ran out, by cgroup as Cgroups does; nothing where it did not.
	OOM map[string]OOM
	// Frozen says of cgroups whether they are frozen themselves, and not only in one that is.
	Frozen map[string]bool
	// Images tells of the images that desired containers name.
	Images map[ImageKey]ImageStatus
	// Manifests holds, by the digests of indexes of images, those of the manifests in them that are for this host's
	// platform: as far as two digests of an image had to be compared, and containerd has their content.
	Manifests map[string]string
	// Networks says, for each recorded space, what of its network is not as it was made; nothing where all is well.
	Networks map[resource.Path][]string
	// Cells holds what was found of the network of recorded and desired cells.
	Cells map[resource.Path]*CellNetwork
	// Routes are the IPv4 routes of the host, but for default ones; CNINetworks those configured beside kuke's own.
	Routes      []Route
	CNINetworks []CNINetwork
	// Addresses are the host's own, of IPv4; none where they were not looked at.
	Addresses []netip.Addr
	// Dropping are the chains of other firewalls that drop packets of spaces, and that kuke can't change.
	Dropping []DroppingChain
	// Sockets are what listens on the host, and Mappings the ports that it forwards; both are nil where no
	// container publishes any.
	Sockets  []Socket
	Mappings []PortMapping
	// RestartPolicies are those that containerd's restart monitor keeps to; none where it has no monitor.
	RestartPolicies []string
	// MissingPlugins holds the CNI plugins and programs that networks need and that aren't there.
	MissingPlugins []string
	// MissingPaths holds the paths of the host that desired containers mount or use and that aren't there.
	MissingPaths map[string]bool
	// NotDevices holds the paths that desired containers use as devices and that are none, nor directories with some.
	NotDevices map[string]bool
	// Flaws says why desired containers could not run that would be made from an image that the host has: only of those that
	// are new or differ from their record.
	Flaws map[resource.Path][]Flaw
	// UnreadableSecrets says of secrets of desired containers whose values can't be had, why.
	UnreadableSecrets map[SecretKey]string
	// Profiles holds the loaded AppArmor profiles; nil where the host does not enforce AppArmor.
	Profiles map[string]bool
	// SecretDrift says, for each recorded container, what of the files of its secrets is not as it was made.
	SecretDrift map[resource.Path][]string
}

// Flaw is why a container could not run if it were made now.
type Flaw struct {
	// Attribute is the one that the flaw is about, as [resource.Resource.RangeOf] takes it.
	Attribute string
	// Summary is that of a diagnostic, and Text its detail, which goes on after the path of the container.
	Summary, Text string
}

// CellNetwork is the network of a cell as it was found.
type CellNetwork struct {
	// ID is what the host knows the cell by, see [state.Record.CellID]; empty for what its path makes.
	ID string
	// NetNS is the inode of the network namespace that is pinned for the cell, 0 where there is none.
	NetNS uint64
	// Addresses are those of its interfaces in CIDR form, by the interface's name.
	Addresses map[string]string
	// Flaws says what is wrong with recorded interfaces that are there, by their names.
	Flaws map[string]string
	// Hosts is what its /etc/hosts holds.
	Hosts string
	// Stale holds the names of its other files in /etc that are not there, or not what they should be.
	Stale []string
}

// Route is a subnet that the host reaches through a device.
type Route struct {
	Prefix netip.Prefix
	Device string
}

// DroppingChain is a chain of another firewall that drops forwarded packets.
type DroppingChain struct {
	// Name says where the chain is, and Fix holds the commands that let the packets of all spaces pass in it.
	Name, Fix string
	// Bridges are the names of those whose packets it drops.
	Bridges []string
}

// CNINetwork is one that a file configures.
type CNINetwork struct {
	Name, File string
	Subnets    []netip.Prefix
	// Path, Project and Bridge are those of the space whose network it is; empty for other CNI networks.
	Path, Project, Bridge string
}

// Socket is one that listens on the host.
type Socket struct {
	Protocol string // tcp or udp
	Addr     netip.Addr
	Port     uint16
	OnlyIPv6 bool // it takes nothing that comes over IPv4
}

// PortMapping is a range of ports of the host that is forwarded.
type PortMapping struct {
	Protocol    string
	Addr        netip.Addr // invalid for every one
	First, Last uint16
	// Network and ID are the CNI network and the cell (see [state.Record.CellID]) it is made for, where they are known.
	Network, ID string
}

// ImageKey names an image in a containerd namespace.
type ImageKey struct{ Namespace, Reference string }

// ImageStatus tells whether an image can be had.
type ImageStatus struct {
	// Local is the digest of the image's manifest or index in the namespace; empty where it has none. A reference that
	// names a digest means the image that has it there, whatever that is called.
	Local string
	// Remote is the digest in the registry, where that was asked: for images that the namespace has not, and for those
	// that are always pulled.
	Remote string
	// Err says why the registry has not told.
	Err string
}

// Namespace is a containerd namespace.
type Namespace struct {
	Labels     map[string]string
	Images     int
	Containers map[string]*Container
}

// TaskStatus is the state of a container's process in containerd's words; empty where there is no task.
type TaskStatus string

// The states a task can be in.
const (
	TaskNone    TaskStatus = ""
	TaskCreated TaskStatus = "created"
	TaskRunning TaskStatus = "running"
	TaskPaused  TaskStatus = "paused"
	TaskPausing TaskStatus = "pausing"
	TaskStopped TaskStatus = "stopped"
	TaskUnknown TaskStatus = "unknown"
)

// Container is one as containerd has it.
type Container struct {
	ID       string
	Labels   map[string]string
	Status   TaskStatus
	PID      uint32
	ExitCode uint32
	// StartedAt and FinishedAt tell when the task began and ended; zero where that isn't known.
	StartedAt, FinishedAt time.Time
	// NetNS is the inode of the task's network namespace, 0 where it isn't known.
	NetNS uint64
	// AppArmor is the profile that the task runs under, or "unconfined"; empty where it isn't known.
	AppArmor string
	// OOMScoreAdj is that of the task's first process, nil where it isn't known.
	OOMScoreAdj *int64
	// RestartPolicy is the one containerd keeps to, empty where it doesn't watch over the container.
	RestartPolicy string
	// Restarts counts how often containerd started it again; -1 where this containerd doesn't count.
	Restarts int
}

// State returns what the user is told the container's state is; c is nil where containerd has no such container.
func (c *Container) State() string {
	switch {
	case c == nil || c.Status == TaskNone || c.Status == TaskCreated:
		return "Pending"
	case c.Status == TaskRunning:
		return "Ready"
	case c.Status == TaskPaused:
		return "Paused"
	case c.Status == TaskPausing:
		return "Pausing"
	case c.Status == TaskStopped && c.ExitCode == 0:
		return "Stopped"
	case c.Status == TaskStopped:
		return "Failed"
	}
	return "Unknown"
}

// Container returns the container of the given id in the namespace, or nil.
func (a *Actual) Container(namespace, id string) *Container {
	if ns := a.Namespaces[namespace]; ns != nil {
		return ns.Containers[id]
	}
	return nil
}

// Within reports whether p is one of the paths, or below one.
func Within(paths []resource.Path, p resource.Path) bool {
	return slices.ContainsFunc(paths, func(q resource.Path) bool { return q.Contains(p) })
}

// NetworkOfSpace returns the network of a space that a CNI network of the host is, whatever the path of the space was when it was
// made, or nil where it is none.
func NetworkOfSpace(n *CNINetwork) *state.Network {
	if len(n.Subnets) != 1 || !n.Subnets[0].Addr().Is4() {
		return nil
	}
	subnet := n.Subnets[0]
	network := &state.Network{
		Name: n.Name, File: filepath.Base(n.File), Bridge: n.Bridge, Subnet: subnet.String(), Gateway: subnet.Addr().Next().String(),
	}
	if !wellNamed(network) {
		return nil
	}
	return network
}

// wellNamed reports whether the names are those of a network that a space can have.
func wellNamed(n *state.Network) bool {
	name, isOurs := strings.CutPrefix(n.Name, "kukeon-")
	bridge, isBridge := strings.CutPrefix(n.Bridge, "kuke-")
	plain := func(text string) bool {
		return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
	}
	return isOurs && isBridge && plain(name) && plain(bridge) && n.File == name+".conflist"
}
