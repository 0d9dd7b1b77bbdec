package spec

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/oci"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/program"
)

// cgroupMount shows a process its own limits, as Docker does. Each call returns a slice of its own, since the options of a
// privileged container are changed in place.
func cgroupMount() specs.Mount {
	return specs.Mount{
		Destination: "/sys/fs/cgroup",
		Type:        "cgroup",
		Source:      "cgroup",
		Options:     []string{"nosuid", "noexec", "nodev", "relatime", "ro"},
	}
}

// containerMounts returns the volumes, the memory-backed file systems and the further mounts in the order of their targets,
// so that one may be inside another.
func containerMounts(o Options) ([]specs.Mount, error) {
	mounts := slices.Clone(o.Mounts)
	for _, volume := range o.Spec.Volumes {
		if _, err := os.Stat(volume.Source); err != nil {
			return nil, fmt.Errorf("volume %s: its source: %w", volume.Target, err)
		}
		mounts = append(mounts, specs.Mount{
			Destination: volume.Target,
			Type:        "bind",
			Source:      volume.Source,
			Options:     []string{"rbind", cmp.Or(volume.Propagation, resource.Propagations[0]), access(volume)},
		})
	}
	for _, t := range o.Spec.Tmpfs {
		options := tmpfsOptions(t)
		if t.SizeBytes > 0 {
			options = append(options, "size="+strconv.FormatInt(t.SizeBytes, 10))
		}
		mounts = append(mounts, specs.Mount{Destination: t.Path, Type: "tmpfs", Source: "tmpfs", Options: options})
	}
	if o.Init != "" {
		mounts = append(mounts, initMount(o.Init))
	}
	slices.SortStableFunc(mounts, func(a, b specs.Mount) int { return strings.Compare(a.Destination, b.Destination) })
	return mounts, nil
}

// tmpfsDefaults are [resource.DefaultTmpfsOptions], in the order in which existing containers have them, with their opposites.
var tmpfsDefaults = []struct{ option, opposite string }{{"nosuid", "suid"}, {"nodev", "dev"}, {"noexec", "exec"}}

// tmpfsOptions returns the options of t after the defaults, of which each holds unless its opposite is among them, as with Docker.
func tmpfsOptions(t resource.Tmpfs) []string {
	var options []string
	for _, d := range tmpfsDefaults {
		if !slices.Contains(t.Options, d.option) && !slices.Contains(t.Options, d.opposite) {
			options = append(options, d.option)
		}
	}
	return append(options, t.Options...)
}

// withMounts adds mounts; a mount at the target of a default one, for example /dev/shm, replaces it.
func withMounts(mounts []specs.Mount) oci.SpecOpts {
	return func(_ context.Context, _ oci.Client, _ *containers.Container, s *oci.Spec) error {
		for _, m := range mounts {
			s.Mounts = slices.DeleteFunc(s.Mounts, func(old specs.Mount) bool { return old.Destination == m.Destination })
			s.Mounts = append(s.Mounts, m)
		}
		return nil
	}
}

// withPropagation lets mounts pass between the root file system of the host and the one of the container, which the runtime first
// makes a slave of it.
func withPropagation(volumes []resource.VolumeMount) oci.SpecOpts {
	return func(_ context.Context, _ oci.Client, _ *containers.Container, s *oci.Spec) error {
		for _, v := range volumes {
			switch {
			case v.NeedsShared():
				s.Linux.RootfsPropagation = "shared"
			case v.NeedsSlave() && s.Linux.RootfsPropagation == "":
				s.Linux.RootfsPropagation = "rslave"
			}
		}
		return nil
	}
}

func access(volume resource.VolumeMount) string {
	switch {
	case !volume.ReadOnly:
		return "rw"
	case recursiveReadOnly():
		return "rro"
	}
	return "ro"
}

// recursiveReadOnly reports whether runc and the kernel can make a volume read-only with all mounts below it. A plain "ro"
// leaves the mounts below it writable.
var recursiveReadOnly = sync.OnceValue(func() bool {
	// mount_setattr came with Linux 5.12; older kernels don't know the call.
	err := unix.MountSetattr(-1, "", unix.AT_RECURSIVE, &unix.MountAttr{})
	if err == unix.ENOSYS {
		return false
	}
	features, err := program.Command(context.Background(), "runc", "features").Output()
	return err == nil && bytes.Contains(features, []byte(`"rro"`))
})
