package spec

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fakeImage is an image that consists of its config, and the content store that holds it.
type fakeImage struct {
	content.Store
	config []byte
}

func (f fakeImage) Config(context.Context) (ocispec.Descriptor, error) {
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.FromBytes(f.config), Size: int64(len(f.config))}, nil
}

func (f fakeImage) ContentStore() content.Store { return f }

func (f fakeImage) ReaderAt(context.Context, ocispec.Descriptor) (content.ReaderAt, error) {
	return readerAt{bytes.NewReader(f.config)}, nil
}

type readerAt struct{ *bytes.Reader }

func (readerAt) Close() error { return nil }

func (f fakeImage) SnapshotService(string) snapshots.Snapshotter { return nil }

// generate builds a spec as Create does, with the user database of a directory.
func generate(t *testing.T, o Options, config ocispec.ImageConfig) (*specs.Spec, error) {
	t.Helper()
	data, err := json.Marshal(ocispec.Image{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	image := fakeImage{config: data}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"passwd": "root:x:0:0::/:\nweb:x:101:102::/:\n", "group": "root:x:0:\nweb:x:102:\nextra:x:103:web\n"} {
		if err := os.WriteFile(filepath.Join(root, "etc", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	opts, err := Opts(o, image, config)
	if err != nil {
		return nil, err
	}
	ctx := namespaces.WithNamespace(t.Context(), "kukeon-main")
	opts = append([]oci.SpecOpts{oci.WithRootFSPath(root)}, opts...)
	spec, err := oci.GenerateSpec(ctx, image, &containers.Container{ID: o.ID}, opts...)
	if err == nil {
		spec.Root.Path = "rootfs"
	}
	return spec, err
}

// comparable takes away what differs from host to host and shortens what is containerd's.
func comparable(s *specs.Spec) {
	s.Process.ApparmorProfile = ""
	if s.Linux.Seccomp != nil {
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: s.Linux.Seccomp.DefaultAction}
	}
	s.Linux.MaskedPaths = slices.DeleteFunc(s.Linux.MaskedPaths, func(p string) bool { return strings.HasPrefix(p, "/sys/devices/system/cpu") })
	for i, m := range s.Mounts {
		if m.Type == "bind" {
			s.Mounts[i].Source = "/host" + m.Destination
			s.Mounts[i].Options = slices.DeleteFunc(m.Options, func(o string) bool { return o == "ro" || o == "rro" })
		}
	}
	for i, r := range s.Process.Rlimits {
		if r.Type == rlimitNofile && r.Hard == min(defaultHardNofile, MaxOpenFiles()) {
			s.Process.Rlimits[i].Hard = defaultHardNofile
		}
	}
	s.Version = ""
}

func TestSeccompArchitectures(t *testing.T) {
	s, err := generate(t, Options{ID: "a", Spec: &resource.Container{}}, ocispec.ImageConfig{Cmd: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	got := s.Linux.Seccomp.Architectures
	if len(got) == 0 || slices.Contains(got, specs.ArchX32) || goruntime.GOARCH == "amd64" && !slices.Contains(got, specs.ArchX86) {
		t.Errorf("architectures %v", got)
	}
}

func TestSpecGolden(t *testing.T) {
	limit := int64(64 << 20)
	image := ocispec.ImageConfig{Env: []string{"PATH=/image/bin", "A=image", "B=image"}, Entrypoint: []string{"/entry"}, Cmd: []string{"run"}, WorkingDir: "/srv"}
	base := Options{ID: "default_blog_web_nginx", CgroupPath: "/kukeon/main/default/blog/web/nginx_root", Annotations: map[string]string{"kukeon.io/path": "main/default/blog/web/nginx"}}
	full := base
	full.Hostname, full.UnifiedCgroup, full.NetNSPath = "web", true, "/run/kukeon/net"
	full.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}, Unified: map[string]string{"cpu.weight": "200"}}
	full.Spec = &resource.Container{
		Command: "/bin/app", Args: []string{"-v"}, Env: resource.Env{"A": "mine", "C": "mine"}, User: "web", WorkingDir: "/work",
		ReadOnlyRootFilesystem: true,
		Volumes:                []resource.VolumeMount{{Source: "/", Target: "/data/deep"}, {Source: "/", Target: "/data", ReadOnly: true}},
		Tmpfs:                  []resource.Tmpfs{{Path: "/dev/shm", SizeBytes: 1 << 20}, {Path: "/tmp", Options: []string{"exec", "mode=1777"}}},
		Devices:                []string{"/dev/null:/dev/fuse:rw"},
		Capabilities:           &resource.Capabilities{Add: []string{"NET_ADMIN"}, Drop: []string{"ALL"}},
		SecurityOpts:           []string{"no-new-privileges=false", "seccomp=unconfined", "systempaths=unconfined"},
	}
	base.Spec = &resource.Container{}
	for name, o := range map[string]Options{"default": base, "full": full} {
		t.Run(name, func(t *testing.T) {
			spec, err := generate(t, o, image)
			if err != nil {
				t.Fatal(err)
			}
			comparable(spec)
			got, err := json.MarshalIndent(spec, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "spec-"+name+".json")
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(bytes.TrimSpace(want)) != string(got) {
				t.Errorf("differs from %s, which -update writes anew:\n%s", golden, got)
			}
		})
	}
}

func TestProcessArgs(t *testing.T) {
	image := ocispec.ImageConfig{Entrypoint: []string{"entry"}, Cmd: []string{"cmd"}}
	for _, tc := range []struct {
		command string
		args    []string
		image   ocispec.ImageConfig
		want    string
	}{
		{"", nil, image, "[entry cmd]"},
		{"mine", nil, image, "[mine]"},
		{"mine", []string{"a", "b"}, image, "[mine a b]"},
		{"", []string{"a"}, image, "[entry a]"},
		{"", []string{"a"}, ocispec.ImageConfig{Cmd: []string{"cmd"}}, "[a]"},
		{"", nil, ocispec.ImageConfig{}, "[]"},
	} {
		args, err := Args(&resource.Container{Command: tc.command, Args: tc.args}, tc.image)
		if fmt.Sprint(args) != tc.want || (err != nil) != (tc.want == "[]") {
			t.Errorf("%q %q: %v, %v, want %s", tc.command, tc.args, args, err, tc.want)
		}
	}
}

func TestCapabilities(t *testing.T) {
	all := len(mustCapabilities(t, &resource.Capabilities{Add: []string{"ALL"}}))
	for _, tc := range []struct {
		add, drop []string
		count     int
		has, not  string
	}{
		{nil, nil, 14, "CAP_AUDIT_WRITE", "CAP_NET_ADMIN"},
		{[]string{"NET_ADMIN"}, nil, 15, "CAP_NET_ADMIN", "CAP_SYS_ADMIN"},
		{nil, []string{"CAP_NET_RAW", "mknod"}, 12, "CAP_CHOWN", "CAP_NET_RAW"},
		{nil, []string{"ALL"}, 0, "", "CAP_CHOWN"},
		{[]string{"CHOWN"}, []string{"ALL"}, 1, "CAP_CHOWN", "CAP_KILL"},
		{[]string{"CHOWN"}, []string{"CHOWN"}, 14, "CAP_CHOWN", ""},
		{[]string{"ALL"}, []string{"KILL"}, all - 1, "CAP_CHOWN", "CAP_KILL"},
	} {
		caps := mustCapabilities(t, &resource.Capabilities{Add: tc.add, Drop: tc.drop})
		if len(caps) != tc.count || tc.has != "" && !slices.Contains(caps, tc.has) || slices.Contains(caps, tc.not) {
			t.Errorf("add %v, drop %v: %v", tc.add, tc.drop, caps)
		}
	}
}

func mustCapabilities(t *testing.T, c *resource.Capabilities) []string {
	t.Helper()
	caps, err := capabilities(c)
	if err != nil {
		t.Fatal(err)
	}
	return caps
}

func TestPrivilegedSpec(t *testing.T) {
	o := Options{ID: "a", Spec: &resource.Container{Privileged: true}}
	spec, err := generate(t, o, ocispec.ImageConfig{Cmd: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	if spec.Process.NoNewPrivileges || spec.Linux.Seccomp != nil || len(spec.Linux.MaskedPaths)+len(spec.Linux.ReadonlyPaths) > 0 {
		t.Errorf("confined: %+v", spec.Linux)
	}
	for _, m := range spec.Mounts {
		if (m.Type == "sysfs" || m.Type == "cgroup") && !slices.Contains(m.Options, "rw") {
			t.Errorf("%s is not writable: %v", m.Destination, m.Options)
		}
	}
}

// A privileged container must not loosen the ones that come after it.
func TestSpecsShareNothing(t *testing.T) {
	generated := func(spec resource.Container) string {
		s, err := generate(t, Options{ID: "a", Spec: &spec}, ocispec.ImageConfig{Cmd: []string{"x"}})
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	before := generated(resource.Container{})
	generated(resource.Container{Privileged: true})
	generated(resource.Container{Capabilities: &resource.Capabilities{Add: []string{"ALL"}, Drop: []string{"KILL"}}})
	if after := generated(resource.Container{}); after != before {
		t.Errorf("before %s\nafter  %s", before, after)
	}
}

func TestRefusedSpecs(t *testing.T) {
	for _, spec := range []resource.Container{
		{SecurityOpts: []string{"seccomp=profile.json"}},
		{SecurityOpts: []string{"apparmor="}},
		{Devices: []string{"/dev/null:/x:rwx"}},
		{Devices: []string{"/dev/null:/x:rw:z"}},
		{User: "nobody-here"},
	} {
		if _, err := generate(t, Options{ID: "a", Spec: &spec}, ocispec.ImageConfig{Cmd: []string{"x"}}); err == nil {
			t.Errorf("%+v is taken", spec)
		}
	}
}

func TestPropagation(t *testing.T) {
	for _, tt := range []struct {
		propagations []string
		root, mount  string
	}{
		{[]string{""}, "", "rprivate"}, {[]string{"slave"}, "rslave", "slave"}, {[]string{"rshared", "rslave"}, "shared", "rshared"}, {[]string{"rslave", "shared"}, "shared", "rslave"},
	} {
		c := &resource.Container{}
		for i, p := range tt.propagations {
			c.Volumes = append(c.Volumes, resource.VolumeMount{Source: "/", Target: fmt.Sprintf("/%d", i), Propagation: p})
		}
		s, err := generate(t, Options{ID: "a", Spec: c}, ocispec.ImageConfig{Cmd: []string{"x"}})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(s.Mounts, func(m specs.Mount) bool { return m.Destination == "/0" })
		if s.Linux.RootfsPropagation != tt.root || i < 0 || !slices.Contains(s.Mounts[i].Options, tt.mount) {
			t.Errorf("%v: root %q, mounts %+v", tt.propagations, s.Linux.RootfsPropagation, s.Mounts)
		}
	}
}
