package spec

import (
	"context"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/oci"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// MergeResources sets the limits of a cgroup in the spec, field by field where r has them.
func MergeResources(spec *specs.Spec, r *specs.LinuxResources) {
	if r == nil {
		return
	}
	if spec.Linux == nil {
		spec.Linux = &specs.Linux{}
	}
	if spec.Linux.Resources == nil {
		spec.Linux.Resources = &specs.LinuxResources{}
	}
	into := spec.Linux.Resources
	if r.Memory != nil {
		into.Memory = r.Memory
	}
	if r.Pids != nil {
		into.Pids = r.Pids
	}
	if r.BlockIO != nil {
		into.BlockIO = r.BlockIO
	}
	if r.CPU != nil {
		if into.CPU == nil {
			into.CPU = &specs.LinuxCPU{}
		}
		if r.CPU.Quota != nil {
			into.CPU.Quota, into.CPU.Period = r.CPU.Quota, r.CPU.Period
		}
		if r.CPU.Shares != nil {
			into.CPU.Shares = r.CPU.Shares
		}
		if r.CPU.Cpus != "" {
			into.CPU.Cpus = r.CPU.Cpus
		}
		if r.CPU.Mems != "" {
			into.CPU.Mems = r.CPU.Mems
		}
	}
	for file, value := range r.Unified {
		if into.Unified == nil {
			into.Unified = map[string]string{}
		}
		into.Unified[file] = value
	}
}

func withResources(r *specs.LinuxResources) oci.SpecOpts {
	return func(_ context.Context, _ oci.Client, _ *containers.Container, s *oci.Spec) error {
		MergeResources(s, r)
		return nil
	}
}
