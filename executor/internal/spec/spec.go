// Package spec turns the configuration of a container into an OCI spec and back. It looks at this host, and calls no
// daemon.
package spec

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/contrib/seccomp"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/cap"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/containerd/errdefs"
	"github.com/containerd/typeurl/v2"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/reaper"
)

// Of returns the OCI spec in containerd's record of a container.
func Of(record containers.Container) (*specs.Spec, error) {
	value, err := typeurl.UnmarshalAny(record.Spec)
	if err != nil {
		return nil, err
	}
	spec, ok := value.(*specs.Spec)
	if !ok {
		return nil, fmt.Errorf("it is a %T: %w", value, errdefs.ErrInvalidArgument)
	}
	return spec, nil
}

// defaultCapabilities are the capabilities of a container that adds and drops none: Docker's.
var defaultCapabilities = []string{
	"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
	"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
}

// Opts turns o into changes of containerd's default spec, in the order in which they depend on each other.
func Opts(o Options, image oci.Image, config ocispec.ImageConfig) ([]oci.SpecOpts, error) {
	args, err := Args(o.Spec, config)
	if err != nil {
		return nil, err
	}
	if o.Init != "" {
		args = reaper.Args(args)
	}
	mounts, err := containerMounts(o)
	if err != nil {
		return nil, err
	}
	opts := []oci.SpecOpts{
		oci.WithDefaultUnixDevices,
		// Docker mounts no tmpfs there, and images have files in it.
		oci.WithoutRunMount,
		oci.WithMounts([]specs.Mount{cgroupMount()}),
		oci.WithImageConfig(image),
		oci.WithProcessArgs(args...),
		oci.WithCgroup(o.CgroupPath),
		oci.WithAnnotations(o.Spec.Annotations),
		oci.WithAnnotations(o.Annotations),
		withUlimits(o.Spec.Ulimits),
		withSysctls(o.Spec.Sysctls),
	}
	if o.Spec.TTY {
		opts = append(opts, oci.WithTTY) // env wins over its TERM
	}
	opts = append(opts, processOpts(o, config)...)
	opts = append(opts, namespaceOpts(o)...)
	security, err := securityOpts(o.Spec)
	if err != nil {
		return nil, err
	}
	opts = append(opts, security...)
	devices, err := deviceOpts(o.Spec)
	if err != nil {
		return nil, err
	}
	opts = append(opts, devices...)
	opts = append(opts, oci.WithApparmorProfile(Profile(o.Spec)))
	// The devices of CDI bring mounts, variables and hooks of their own, which nothing may replace.
	return append(opts, withSharedMemory(o.Spec), withMounts(mounts), withPropagation(o.Spec.Volumes), withResources(o.Resources), withCDIDevices(o.Spec.Devices)), nil
}

func securityOpts(spec *resource.Container) ([]oci.SpecOpts, error) {
	if spec.Privileged {
		return []oci.SpecOpts{oci.WithPrivileged, oci.WithAllDevicesAllowed, oci.WithHostDevices, oci.WithNewPrivileges}, nil
	}
	caps, err := capabilities(spec.Capabilities)
	if err != nil {
		return nil, err
	}
	opts := []oci.SpecOpts{oci.WithCapabilities(caps), oci.WithNoNewPrivileges}
	// The profile's rules depend on the capabilities.
	confine := []oci.SpecOpts{seccomp.WithDefaultProfile(), withoutX32}
	for _, opt := range spec.SecurityOpts {
		key, value, _ := strings.Cut(opt, "=")
		switch {
		case opt == "no-new-privileges" || opt == "no-new-privileges=true":
		case opt == "no-new-privileges=false":
			confine = append(confine, oci.WithNewPrivileges)
		case opt == "seccomp=unconfined":
			confine = append(confine, oci.WithSeccompUnconfined)
		case opt == "systempaths=unconfined":
			confine = append(confine, oci.WithMaskedPaths(nil), oci.WithReadonlyPaths(nil))
		case key == "apparmor" && value != "": // see Profile
		default:
			return nil, fmt.Errorf("unknown security option %q", opt)
		}
	}
	return append(opts, confine...), nil
}

// withoutX32 removes from the seccomp filter, and so closes, an ABI that hardly any kernel offers or program uses:
// compiling the filter for it is a fifth of the time that runc takes for a container.
func withoutX32(_ context.Context, _ oci.Client, _ *containers.Container, s *oci.Spec) error {
	if s.Linux != nil && s.Linux.Seccomp != nil {
		s.Linux.Seccomp.Architectures = slices.DeleteFunc(s.Linux.Seccomp.Architectures, func(a specs.Arch) bool { return a == specs.ArchX32 })
	}
	return nil
}

// capabilities follows Docker's rule: additions apply after drops, except that ALL replaces the default set by all
// capabilities or none.
func capabilities(change *resource.Capabilities) ([]string, error) {
	if change == nil {
		return slices.Clone(defaultCapabilities), nil
	}
	add, drop := capNames(change.Add), capNames(change.Drop)
	base := defaultCapabilities
	if slices.Contains(add, "CAP_ALL") {
		all, err := cap.Current()
		if err != nil {
			return nil, fmt.Errorf("list the capabilities of this host: %w", err)
		}
		base = all
	} else if slices.Contains(drop, "CAP_ALL") {
		base = nil
	}
	set := map[string]bool{}
	for _, name := range base {
		set[name] = !slices.Contains(drop, name)
	}
	for _, name := range add {
		// A capability that is named in both lists, next to ALL, is dropped.
		if name != "CAP_ALL" && (!slices.Contains(add, "CAP_ALL") || !slices.Contains(drop, name)) {
			set[name] = true
		}
	}
	var names []string
	for name, on := range set {
		if on {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

func capNames(list []string) []string {
	names := make([]string, len(list))
	for i, name := range list {
		name = strings.ToUpper(name)
		if !strings.HasPrefix(name, "CAP_") {
			name = "CAP_" + name
		}
		names[i] = name
	}
	return names
}

// named wraps the error of opt with the part of the spec that it is for.
func named(part string, opt oci.SpecOpts) oci.SpecOpts {
	return func(ctx context.Context, api oci.Client, c *containers.Container, s *oci.Spec) error {
		if err := opt(ctx, api, c, s); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
		return nil
	}
}
