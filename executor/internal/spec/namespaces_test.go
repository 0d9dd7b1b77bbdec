package spec

import (
	"reflect"
	"slices"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
)

// What the kernel gives a container is read back from its OCI spec.
func TestDescribeRuntime(t *testing.T) {
	for name, want := range map[string]resource.Runtime{
		"default": {},
		"shm":     {ShmSize: 96 << 20, Sysctls: map[string]string{"kernel.msgmax": "9000"}},
		"host":    {PID: "host", IPC: "host", UTS: "host"},
		"none":    {IPC: "none"},
	} {
		s := generated(t, &resource.Container{Runtime: want})
		got := described(s)
		if !reflect.DeepEqual(got.Runtime, want) {
			t.Errorf("%s: described as %+v, want %+v", name, got.Runtime, want)
		}
		if len(got.Volumes)+len(got.Tmpfs)+len(got.Env) > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestSharedMemory(t *testing.T) {
	mount := func(c *resource.Container, target string) *specs.Mount {
		s := generated(t, c)
		i := slices.IndexFunc(s.Mounts, func(m specs.Mount) bool { return m.Destination == target })
		if i < 0 {
			return nil
		}
		return &s.Mounts[i]
	}
	for options, c := range map[string]*resource.Container{
		defaultSharedMemory: {}, "size=98304": {Runtime: resource.Runtime{ShmSize: 96 << 10}},
		"rbind": {Runtime: resource.Runtime{IPC: "host"}}, "size=4096": {Tmpfs: []resource.Tmpfs{{Path: "/dev/shm", SizeBytes: 4096}}},
	} {
		if m := mount(c, sharedMemory); m == nil || !slices.Contains(m.Options, options) {
			t.Errorf("want %s: %+v", options, m)
		}
	}
	none := &resource.Container{Runtime: resource.Runtime{IPC: "none"}}
	if mount(none, sharedMemory) != nil || mount(none, messageQueues) != nil {
		t.Error("no IPC, but with mounts")
	}
	none.Tmpfs = []resource.Tmpfs{{Path: "/dev/shm"}}
	if mount(none, sharedMemory) == nil {
		t.Error("a tmpfs of the configuration is not mounted")
	}
}

func TestDeviceRules(t *testing.T) {
	one := func(rule string) (specs.LinuxDeviceCgroup, error) {
		c := &resource.Container{Runtime: resource.Runtime{DeviceCgroupRules: []string{rule}}}
		s, err := generate(t, Options{ID: "a", Spec: c}, ocispec.ImageConfig{Cmd: []string{"x"}})
		if err != nil {
			return specs.LinuxDeviceCgroup{}, err
		}
		return s.Linux.Resources.Devices[len(s.Linux.Resources.Devices)-1], nil
	}
	number := int64(189)
	for rule, want := range map[string]specs.LinuxDeviceCgroup{
		"c 189:* rwm": {Allow: true, Type: "c", Major: &number, Access: "rwm"},
		"b *:189 r":   {Allow: true, Type: "b", Minor: &number, Access: "r"},
	} {
		if got, err := one(rule); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", rule, got, err)
		}
	}
	for _, rule := range []string{"c", "c x:1 r"} {
		if got, err := one(rule); err == nil {
			t.Errorf("%s: %+v", rule, got)
		}
	}
}

// A user with a group is only in that group, one without in those of /etc/group: in the configuration, and in the image.
func TestGroupsOfUser(t *testing.T) {
	for _, tc := range []struct {
		user, ofImage string
		add           []string
		want          []uint32
	}{
		{user: "web", want: []uint32{102, 103}},
		{user: "101", want: []uint32{102, 103}},
		{user: "web:web", want: []uint32{102}},
		{user: "web:44", want: []uint32{44}},
		{user: "101:44", ofImage: "web", want: []uint32{44}},
		{user: "web", ofImage: "web:44", want: []uint32{102, 103}},
		{ofImage: "web", want: []uint32{102, 103}},
		{ofImage: "web:44", want: []uint32{44}},
		{ofImage: "4711", want: []uint32{0}},
		{user: "101:44", add: []string{"extra"}, want: []uint32{44, 103}},
	} {
		o := Options{ID: "a", Spec: &resource.Container{User: tc.user, Runtime: resource.Runtime{GroupAdd: tc.add}}}
		s, err := generate(t, o, ocispec.ImageConfig{User: tc.ofImage, Cmd: []string{"x"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Sorted(slices.Values(s.Process.User.AdditionalGids)); !slices.Equal(got, tc.want) {
			t.Errorf("user %q over %q: groups %v, want %v", tc.user, tc.ofImage, got, tc.want)
		}
	}
}

func TestGroups(t *testing.T) {
	s := generated(t, &resource.Container{User: "web", Runtime: resource.Runtime{GroupAdd: []string{"44", "extra"}}})
	if got := s.Process.User.AdditionalGids; !slices.Contains(got, 44) || !slices.Contains(got, 103) {
		t.Errorf("groups %v", got)
	}
	c := &resource.Container{Runtime: resource.Runtime{GroupAdd: []string{"nobody-here"}}}
	if _, err := generate(t, Options{ID: "a", Spec: c}, ocispec.ImageConfig{Cmd: []string{"x"}}); err == nil {
		t.Error("a missing group is taken")
	}
}
