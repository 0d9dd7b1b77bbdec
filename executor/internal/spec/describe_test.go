package spec

import (
	"os"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
)

// describable draws a container whose OCI spec says all of it.
func describable(t *rapid.T, dir string) *resource.Container {
	maybe := func(what string) bool { return rapid.Bool().Draw(t, what) }
	c := &resource.Container{Image: "docker.io/library/i:latest", ReadOnlyRootFilesystem: maybe("read-only")}
	if maybe("command") {
		c.Command = "/bin/x"
	}
	c.Args = rapid.SampledFrom([][]string{nil, {"a"}, {"a", "b c"}}).Draw(t, "args")
	c.Env = rapid.SampledFrom([]resource.Env{nil, {"A": "1"}, {"A": "", "PATH": "/x"}}).Draw(t, "env")
	c.User = rapid.SampledFrom([]string{"", "root", "1000", "1000:50", "0:0"}).Draw(t, "user")
	c.WorkingDir = rapid.SampledFrom([]string{"", "/srv"}).Draw(t, "working directory")
	if maybe("volume") {
		c.Volumes = []resource.VolumeMount{{Source: dir, Target: "/data", ReadOnly: maybe("read-only volume"), Propagation: rapid.SampledFrom(append([]string{""}, resource.Propagations[1:]...)).Draw(t, "propagation")}}
	}
	if maybe("tmpfs") {
		c.Tmpfs = []resource.Tmpfs{{Path: rapid.SampledFrom([]string{"/dev/shm", "/run", "/tmp"}).Draw(t, "tmpfs at"), SizeBytes: 1 << 20}}
	}
	if maybe("privileged") {
		c.Privileged = true
		return c
	}
	c.Capabilities = rapid.SampledFrom([]*resource.Capabilities{nil, {Add: []string{"NET_ADMIN"}}, {Drop: []string{"ALL"}}, {Add: []string{"CHOWN"}, Drop: []string{"ALL"}}, {Drop: []string{"CHOWN", "KILL"}}}).Draw(t, "capabilities")
	for _, opt := range []string{"no-new-privileges=false", "seccomp=unconfined", "systempaths=unconfined"} {
		if maybe(opt) {
			c.SecurityOpts = append(c.SecurityOpts, opt)
		}
	}
	return c
}

// The description of a container makes another one like it.
func TestDescribeProperty(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a privileged spec takes root")
	}
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		want := describable(rt, dir)
		config := rapid.SampledFrom([]ocispec.ImageConfig{
			{Cmd: []string{"sh"}}, {Entrypoint: []string{"/entry", "-x"}, Cmd: []string{"a"}, Env: []string{"A=image", "PATH=/p"}, WorkingDir: "/w"},
		}).Draw(rt, "image")
		options := Options{ID: "x", Image: want.Image, Spec: want, Hostname: "cell", CgroupPath: "/kukeon/x", NetNSPath: "/run/x",
			Mounts: []specs.Mount{{Destination: "/etc/hosts", Type: "bind", Source: "/own/hosts", Options: []string{"rbind"}}}}
		spec, err := generate(t, options, config)
		if err != nil {
			rt.Fatal(err)
		}
		i := &Inspection{Spec: spec, Image: want.Image, Config: config}
		own := func(source string) bool { return strings.HasPrefix(source, "/own/") }
		described := Describe(i, own)
		again := options
		again.Spec = described.Spec
		spec2, err := generate(t, again, config)
		if err != nil {
			rt.Fatal(err)
		}
		if len(want.Volumes) > 0 && described.Spec.Volumes[0] != want.Volumes[0] {
			rt.Fatalf("the mount %+v is described as %+v", want.Volumes[0], described.Spec.Volumes[0])
		}
		if !slices.Equal(spec2.Process.Args, spec.Process.Args) || spec2.Process.Cwd != spec.Process.Cwd || spec2.Process.User.UID != spec.Process.User.UID || len(spec2.Mounts) != len(spec.Mounts) {
			rt.Fatalf("the description %+v makes another container", described.Spec)
		}
	})
}

// A bound of swap that is not the default here is a part of what a container may use.
func TestDescribeSwap(t *testing.T) {
	const mib = 1 << 20
	for _, tc := range []struct{ swap, want int64 }{
		{0, resource.Unlimited}, {-1, resource.Unlimited}, {128 * mib, 0}, {64 * mib, 64 * mib}, {100 * mib, 100 * mib},
	} {
		limit := int64(64 * mib)
		memory := &specs.LinuxMemory{Limit: &limit}
		if tc.swap != 0 {
			memory.Swap = &tc.swap
		}
		i := &Inspection{Spec: &specs.Spec{Linux: &specs.Linux{Resources: &specs.LinuxResources{Memory: memory}}}}
		if got := i.Limits(); got == nil || *got != (resource.Resources{Memory: limit, MemorySwap: tc.want}) {
			t.Errorf("swap %d: %+v, want %d", tc.swap, got, tc.want)
		}
	}
}
