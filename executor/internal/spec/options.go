package spec

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
)

// Options says what a container is made from.
type Options struct {
	// ID is the container's in containerd, and the key of its snapshot.
	ID string
	// Image is a reference that the namespace has, as given to [image.Pull] or returned by [image.Import].
	Image  string
	Labels map[string]string
	// Annotations go into the OCI spec.
	Annotations map[string]string
	// Record is kept with the container, for [Inspection] and [containers.SetRecord]; empty for none.
	Record   []byte
	Spec     *resource.Container
	Hostname string
	// CgroupPath is below the root of the cgroup file system, with a leading "/".
	CgroupPath string
	// UnifiedCgroup says that the host has cgroup v2: the container then gets a cgroup namespace of its own.
	UnifiedCgroup bool
	// NetNSPath is the pin of the network namespace to join; empty makes one with nothing but a loopback that is down.
	NetNSPath string
	// Resources are the limits of the container's cgroup, nil for none.
	Resources *specs.LinuxResources
	// Mounts come on top of those in Spec: an /etc/hosts, for instance.
	Mounts []specs.Mount
}
