package spec

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/oci"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/apparmor"
)

// LoadProfile loads the default profile. Loading others is up to the user.
func LoadProfile(profile string) error {
	if profile != resource.DefaultAppArmorProfile {
		return nil
	}
	return apparmor.Load(profile)
}

// SetProcess sets the settings of a process that may change during the life of the container.
func SetProcess(p *specs.Process, profile string, spec *resource.Container) {
	score := int(spec.OOMScoreAdj)
	p.ApparmorProfile, p.OOMScoreAdj = profile, &score
}

func withOOMScoreAdj(spec *resource.Container) oci.SpecOpts {
	return func(_ context.Context, _ oci.Client, _ *containers.Container, s *oci.Spec) error {
		score := int(spec.OOMScoreAdj)
		s.Process.OOMScoreAdj = &score
		return nil
	}
}

// withDomainname sets the domain name as Docker does: the spec's own field is younger than some runtimes.
func withDomainname(name string) oci.SpecOpts {
	return func(_ context.Context, _ oci.Client, _ *containers.Container, s *oci.Spec) error {
		if s.Linux.Sysctl == nil {
			s.Linux.Sysctl = map[string]string{}
		}
		s.Linux.Sysctl["kernel.domainname"] = name
		return nil
	}
}

// Args returns the program of a container with its arguments, by Docker's rule: a command replaces the image's entrypoint
// and, since that was meant for it, the image's command; arguments alone replace only the latter.
func Args(spec *resource.Container, config ocispec.ImageConfig) ([]string, error) {
	var args []string
	switch {
	case spec.Command != "":
		args = append([]string{spec.Command}, spec.Args...)
	case len(spec.Args) > 0:
		args = slices.Concat(config.Entrypoint, spec.Args)
	default:
		args = slices.Concat(config.Entrypoint, config.Cmd)
	}
	if len(args) == 0 {
		return nil, errors.New("there is nothing to run: the image has neither an entrypoint nor a command, and none is given")
	}
	return args, nil
}

func processOpts(o Options, config ocispec.ImageConfig) []oci.SpecOpts {
	var opts []oci.SpecOpts
	if name, own := hostname(o); name != "" {
		if own {
			opts = append(opts, oci.WithHostname(name))
		}
		opts = append(opts, oci.WithEnv([]string{"HOSTNAME=" + name}))
	}
	if o.Domainname != "" {
		opts = append(opts, withDomainname(o.Domainname))
	}
	opts = append(opts, oci.WithEnv(o.Spec.Env.Pairs()))
	opts = append(opts, userOpts(o.Spec.User, config.User)...)
	if len(o.Spec.GroupAdd) > 0 {
		opts = append(opts, oci.WithAppendAdditionalGroups(o.Spec.GroupAdd...))
	}
	if dir := o.Spec.WorkingDir; dir != "" {
		opts = append(opts, oci.WithProcessCwd(dir))
	}
	if o.Spec.ReadOnlyRootFilesystem {
		opts = append(opts, oci.WithRootFSReadonly())
	}
	// Without one a container inherits the adjustment of containerd's shim, which the kernel kills last.
	return append(opts, withOOMScoreAdj(o.Spec))
}

// userOpts set the user and the groups of the process: a user given without a group is in all groups that /etc/group of the image
// lists it for, one with a group only in that, as with Docker.
func userOpts(user, ofImage string) []oci.SpecOpts {
	var opts []oci.SpecOpts
	name, _, _ := strings.Cut(user, ":")
	if user != "" {
		opts = append(opts, named("user "+user, oci.WithUser(user)), oci.WithAdditionalGIDs(name))
	}
	if _, group, _ := strings.Cut(cmp.Or(user, ofImage), ":"); group != "" {
		opts = append(opts, withOneGroup)
	}
	return opts
}

func withOneGroup(_ context.Context, _ oci.Client, _ *containers.Container, s *oci.Spec) error {
	s.Process.User.AdditionalGids = []uint32{s.Process.User.GID}
	return nil
}

// Profile returns the AppArmor profile for an OCI spec. It is empty in place of the default profile where the host does not
// enforce AppArmor. A profile that the user names stays, so that the runtime refuses it.
func Profile(spec *resource.Container) string {
	profile := spec.AppArmorProfile()
	if profile == resource.DefaultAppArmorProfile && !apparmor.Enforced() {
		return ""
	}
	return profile
}
