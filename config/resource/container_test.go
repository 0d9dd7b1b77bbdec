package resource

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestContainerID(t *testing.T) {
	long := strings.Repeat("x", 63)
	tests := []struct{ path, want string }{
		{"main/default/blog/web/nginx", "default_blog_web_nginx"},
		{"other/default/blog/web/nginx", "default_blog_web_nginx"}, // its namespace tells it from main's
		{"m/" + long + "/a/b/12345678", long + "_a_b_12345678"},    // 76 characters
		// The golden value: an id must never change over releases, or every container with it would be lost.
		{"m/" + long + "/a/b/123456789", long + "_c75263c3fd2d"},
	}
	for _, tt := range tests {
		if got := ContainerID(Path(tt.path)); got != tt.want {
			t.Errorf("ContainerID(%s) = %s, want %s", tt.path, got, tt.want)
		}
	}
}

// identifier is containerd's rule for names.
var identifier = regexp.MustCompile(`^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$`)

func TestContainerIDIsShortValidAndDistinct(t *testing.T) {
	name := rapid.StringMatching(`[ab](-?[ab]){0,31}`).Filter(func(s string) bool { return CheckName(s) == nil })
	containerPath := rapid.Custom(func(t *rapid.T) Path {
		return Path("main/" + strings.Join(rapid.SliceOfN(name, 4, 4).Draw(t, "names"), "/"))
	})
	rapid.Check(t, func(t *rapid.T) {
		paths := rapid.SliceOfNDistinct(containerPath, 2, 8, rapid.ID).Draw(t, "paths")
		seen := map[string]Path{}
		for _, p := range paths {
			id := ContainerID(p)
			if len(id) > 76 || !identifier.MatchString(id) {
				t.Fatalf("ContainerID(%s) = %q, which containerd refuses", p, id)
			}
			if id != ContainerID(p) {
				t.Fatalf("ContainerID(%s) is not stable", p)
			}
			if other, ok := seen[id]; ok {
				t.Fatalf("%s and %s share the id %s", p, other, id)
			}
			seen[id] = p
		}
	})
}

func TestCgroupOf(t *testing.T) {
	tests := []struct {
		path Path
		spec Spec
		want string
	}{
		{"main", &Realm{}, "/kukeon/main"},
		{"main/default/blog/web", &Cell{}, "/kukeon/main/default/blog/web"},
		{"main/default/blog/web/nginx", &Container{Root: true}, "/kukeon/main/default/blog/web/nginx_root"},
		{"main/default/blog/web/side", &Container{}, "/kukeon/main/default/blog/web/side_side"},
	}
	for _, tt := range tests {
		if got := CgroupOf(tt.path, tt.spec); got != tt.want {
			t.Errorf("CgroupOf(%s) = %s, want %s", tt.path, got, tt.want)
		}
	}
}

func TestContainerDefaults(t *testing.T) {
	zero := int64(0)
	if got := new(Container).StopTimeout(); got != DefaultStopTimeoutSeconds {
		t.Errorf("StopTimeout of a container that says nothing = %d", got)
	}
	if got := (&Container{StopTimeoutSeconds: &zero}).StopTimeout(); got != 0 {
		t.Errorf("StopTimeout of a container that says 0 = %d", got)
	}
	if got := NamespaceOf("main/default", nil); got != "kukeon-main" {
		t.Errorf("NamespaceOf = %s", got)
	}
	if got := NamespaceOf("main", &Realm{Namespace: "k8s.io"}); got != "k8s.io" {
		t.Errorf("NamespaceOf = %s", got)
	}
	for device, want := range map[string]string{"/dev/fuse": "/dev/fuse", "/dev/a:/dev/b": "/dev/a", "/dev/a:/dev/b:rw": "/dev/a"} {
		if got := DeviceHostPath(device); got != want {
			t.Errorf("DeviceHostPath(%s) = %s", device, got)
		}
	}
}
