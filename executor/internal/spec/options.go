package spec

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
)

// Options describe a container to create.
type Options struct {
	// ID is the id of the container in containerd, and the key of its snapshot.
	ID string
	// Image is a reference that the namespace has, as given to [image.Pull] or returned by [image.Import].
	Image  string
	Labels map[string]string
	// Annotations go into the OCI spec.
	Annotations map[string]string
	// Record is data that containerd keeps with the container, see [Inspection] and [containers.SetRecord]; empty for none.
	Record   []byte
	Spec     *resource.Container
	Hostname string
	// Domainname is the NIS domain name, empty for none.
	Domainname string
	// CgroupPath is below the root of the cgroup file system, with a leading "/".
	CgroupPath string
	// UnifiedCgroup says that the host has cgroup v2: the container then gets a cgroup namespace of its own.
	UnifiedCgroup bool
	// NetNSPath is the pin of the network namespace to join; with an empty path the container gets a new one, whose only
	// interface is a loopback that is down.
	NetNSPath string
	// HostNetwork says that the container has the network namespace of the host, in place of one at NetNSPath.
	HostNetwork bool
	// Resources are the limits of the container's cgroup, nil for none.
	Resources *specs.LinuxResources
	// Init is the init to run, see [reaper.Find]; empty for none.
	Init string
	// Mounts are mounted in addition to those in Spec, for example an /etc/hosts.
	Mounts []specs.Mount
}
