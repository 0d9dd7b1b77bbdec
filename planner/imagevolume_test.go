package planner

import (
	"slices"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

const sideData = resource.Path("main/default/blog/@web-side-data")

// mountsOf returns the mounts of the recorded side container, as target=volume.
func (h *host) mountsOf(p resource.Path) string {
	var all []string
	for _, m := range h.prior.Records[p].Spec.(*resource.Container).Volumes {
		all = append(all, m.Target+"="+m.Volume)
	}
	return strings.Join(all, " ")
}

func TestImageVolumes(t *testing.T) {
	h := newHost(t)
	h.declared = map[string][]string{"side:1": {"/data", "/proc/x", "/", "relative"}, "side:2": {}}
	got := changesOf(h.converge(example(nil), Options{}))
	if !strings.Contains(got, "create "+string(sideData)+"\n  # the image of container main/default/blog/web/side declares a volume at /data") {
		t.Errorf("the plan is\n%s", got)
	}
	want := "/data=" + string(sideData)
	if got := h.mountsOf(theSide); got != want {
		t.Errorf("it mounts %q", got)
	}
	if of := h.prior.Records[sideData].Status.Volume.Image; of == nil || *of != (state.ImageMount{Container: theSide, Target: "/data"}) {
		t.Errorf("the volume records %+v", of)
	}
	// Another env, an image that declares nothing, and one whose config is not known keep the volume.
	env := func(s specs) { container(s, theSide).Env = resource.Env{"A": "1"} }
	for _, edit := range []func(specs){env, func(s specs) { container(s, theSide).Image = "side:2" }, func(s specs) { container(s, theSide).Image = "side:3" }} {
		p := h.converge(example(edit), Options{})
		if got := h.mountsOf(theSide); got != want || p.ChangesByPath()[sideData] != nil {
			t.Errorf("after\n%s\nit mounts %q", text(p), got)
		}
	}
	// So does the replacement of the root container, and a plan for the container alone.
	h.converge(example(func(s specs) { container(s, theRoot).Image = "web:9" }), Options{})
	if got := h.mountsOf(theSide); got != want {
		t.Errorf("it mounts %q", got)
	}
	// A mount above covers it, and the volume is kept.
	p := h.converge(example(func(s specs) { container(s, theSide).Tmpfs = []resource.Tmpfs{{Path: "/data"}} }), Options{})
	if got := h.mountsOf(theSide); got != "" || h.prior.Records[sideData] == nil {
		t.Errorf("after\n%s\nit mounts %q", text(p), got)
	}
	// It is taken up again.
	if h.converge(example(nil), Options{}); h.mountsOf(theSide) != want {
		t.Errorf("it mounts %q", h.mountsOf(theSide))
	}
	// destroy keeps it.
	h.apply(h.plan(nil, Options{Destroy: true}))
	if h.prior.Records[sideData] == nil || h.prior.Records[theSide] != nil {
		t.Errorf("destroy has left %v", h.prior.Paths())
	}
	if h.converge(example(nil), Options{}); h.mountsOf(theSide) != want {
		t.Errorf("it mounts %q", h.mountsOf(theSide))
	}
}

// A container that was made before its image's config was known is not replaced for a volume, and keeps its files.
func TestImageVolumeOfExistingContainer(t *testing.T) {
	h := made(t)
	h.declared = map[string][]string{"side:1": {"/data", "/data/deep"}}
	if p := h.plan(example(nil), Options{}); !p.Empty() {
		t.Fatalf("a plan without changes is\n%s", text(p))
	}
	edit := func(s specs) { container(s, theSide).Env = resource.Env{"A": "1"} }
	p := h.converge(example(edit), Options{Targets: []resource.Path{theSide}})
	c := p.ChangesByPath()[theSide]
	want := []plan.Carried{{From: "/data", To: sideData}, {From: "/data/deep", To: sideData + "-deep"}}
	if c == nil || c.Action != plan.Replace || !slices.Equal(c.Carried, want) {
		t.Fatalf("the plan is\n%s", text(p))
	}
	if p := h.converge(example(nil), Options{}); p.ChangesByPath()[theSide].Carried != nil {
		t.Errorf("files come again in\n%s", text(p))
	}
}

// Images are foreign: paths in them may not be those of directories.
func TestMountable(t *testing.T) {
	for target, want := range map[string]bool{
		"/data": true, "/var/lib/My Data/é": true, "/processes": true, "/": false, "/proc": false, "/dev/shm": false, "/sys/fs": false, "data": false, "": false,
		"/a\x00b": false, "/\x1b[2Jdata": false, "/a\nb": false, "/\u202edata": false, "/\xff": false,
	} {
		if got := mountable(target); got != want {
			t.Errorf("%q: %t", target, got)
		}
	}
}

// Names that are taken, or too long, end with a hash.
func TestImageVolumeNames(t *testing.T) {
	long := resource.Path("main/default/blog/" + strings.Repeat("c", 60) + "/side")
	for _, tt := range []struct {
		container    resource.Path
		target, want string
	}{
		{theSide, "/var/lib/mysql", "web-side-var-lib-mysql"}, {theSide, "/Data//_x.y", "web-side-data-x-y"}, {theSide, "/é", "web-side"},
		{"main/default/blog/web/web", "/data", "web-data"},
	} {
		if got := imageVolumeName(state.ImageMount{Container: tt.container, Target: tt.target}, 1); got != tt.want {
			t.Errorf("%s at %s is %s, want %s", tt.container, tt.target, got, tt.want)
		}
	}
	names := map[string]bool{}
	for n := 1; n < 4; n++ {
		for _, of := range []state.ImageMount{{Container: long, Target: "/a"}, {Container: long, Target: "/b"}, {Container: theSide, Target: "/a"}} {
			name := imageVolumeName(of, n)
			if err := resource.CheckVolumeName(name); err != nil || names[name] {
				t.Errorf("%+v is %s: %v", of, name, err)
			}
			names[name] = true
		}
	}

	h := newHost(t)
	h.declared = map[string][]string{"side:1": {"/data", "/Data", "/DATA"}}
	desired := example(nil)
	desired.Add(&resource.Resource{Path: sideData, Spec: &resource.Volume{}}) // which is the user's
	h.converge(desired, Options{})
	volumes := resource.VolumesOf(h.prior.Records[theSide].Spec)
	if len(volumes) != 3 || slices.Contains(volumes, sideData) {
		t.Errorf("it mounts %s", h.mountsOf(theSide))
	}
}

// In a realm that is replaced, a volume can't be there before the container is gone.
func TestImageVolumeInReplacedRealm(t *testing.T) {
	h := made(t)
	h.declared = map[string][]string{"side:1": {"/data"}}
	p := h.converge(example(func(s specs) { s[theRealm] = &resource.Realm{Namespace: "other"} }), Options{})
	if c := p.ChangesByPath()[theSide]; c == nil || c.Carried != nil || h.mountsOf(theSide) != "/data="+string(sideData) {
		t.Errorf("the plan is\n%s", text(p))
	}
}
