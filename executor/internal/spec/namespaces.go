package spec

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/oci"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
)

// sharedMemory is the mount point of POSIX shared memory, and messageQueues that of POSIX message queues.
const (
	sharedMemory  = "/dev/shm"
	messageQueues = "/dev/mqueue"
)

// defaultSharedMemory is the option by which containerd limits the size of the shared memory.
const defaultSharedMemory = "size=65536k"

func namespaceOpts(o Options) []oci.SpecOpts {
	var opts []oci.SpecOpts
	if o.HostNetwork {
		opts = append(opts, oci.WithHostNamespace(specs.NetworkNamespace))
	} else if o.NetNSPath != "" {
		opts = append(opts, oci.WithLinuxNamespace(specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: o.NetNSPath}))
	}
	if o.UnifiedCgroup {
		opts = append(opts, oci.WithLinuxNamespace(specs.LinuxNamespace{Type: specs.CgroupNamespace}))
	}
	for kind, mode := range map[specs.LinuxNamespaceType]string{specs.PIDNamespace: o.Spec.PID, specs.IPCNamespace: o.Spec.IPC, specs.UTSNamespace: o.Spec.UTS} {
		if mode == resource.NamespaceHost {
			opts = append(opts, oci.WithHostNamespace(kind))
		}
	}
	return opts
}

// hostname returns the name that the processes of the container see in their variable HOSTNAME, and whether the container's
// namespace has to get it.
func hostname(o Options) (name string, own bool) {
	if o.Spec.UTS != resource.NamespaceHost {
		return o.Hostname, true
	}
	name, err := os.Hostname()
	if err != nil {
		return "", false
	}
	return name, false
}

// withSharedMemory gives the container the shared memory of its IPC namespace.
func withSharedMemory(c *resource.Container) oci.SpecOpts {
	return func(_ context.Context, _ oci.Client, _ *containers.Container, s *oci.Spec) error {
		if c.IPC == resource.IPCNone {
			s.Mounts = slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool {
				return m.Destination == sharedMemory || m.Destination == messageQueues
			})
		}
		for i, m := range s.Mounts {
			switch {
			case m.Destination != sharedMemory:
			case c.IPC == resource.NamespaceHost:
				s.Mounts[i] = hostSharedMemory()
			case c.ShmSize != 0:
				options := slices.DeleteFunc(slices.Clone(m.Options), func(o string) bool { return strings.HasPrefix(o, "size=") })
				s.Mounts[i].Options = append(options, "size="+strconv.FormatInt(c.ShmSize, 10))
			}
		}
		return nil
	}
}

func hostSharedMemory() specs.Mount {
	return specs.Mount{Destination: sharedMemory, Type: "bind", Source: sharedMemory, Options: []string{"rbind", "rprivate", "nosuid", "noexec", "nodev"}}
}

// namespaces reads the namespaces that the container shares with the host.
func (d *describer) namespaces(c *resource.Container) {
	if d.Spec.Linux == nil {
		return
	}
	shared := map[specs.LinuxNamespaceType]*string{specs.PIDNamespace: &c.PID, specs.IPCNamespace: &c.IPC, specs.UTSNamespace: &c.UTS}
	for _, ns := range d.Spec.Linux.Namespaces {
		delete(shared, ns.Type)
	}
	for _, mode := range shared {
		*mode = resource.NamespaceHost
	}
	has := func(target string) bool {
		return slices.ContainsFunc(d.Spec.Mounts, func(m specs.Mount) bool { return m.Destination == target })
	}
	if c.IPC == "" && !has(sharedMemory) && !has(messageQueues) {
		c.IPC = resource.IPCNone
	}
}

// sharedMemory reads the size of the default mount of shared memory.
func (d *describer) sharedMemory(m specs.Mount) int64 {
	if slices.Contains(m.Options, defaultSharedMemory) {
		return 0
	}
	return tmpfsOf(m).SizeBytes
}
