package planner

import (
	"slices"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// The images of a realm that is destroyed stay, which the plan says, unless they are to go.
func TestImagesOfDestroyedRealm(t *testing.T) {
	for _, tt := range []struct {
		name   string
		count  int
		opts   Options
		want   string // reason of the realm's change, empty for none
		remove bool
	}{
		{name: "kept", count: 2, opts: Options{Destroy: true}, want: "keeps 2 images in containerd namespace kukeon-main (--images removes them)"},
		{name: "one", count: 1, opts: Options{Destroy: true}, want: "keeps 1 image in containerd namespace kukeon-main (--images removes them)"},
		{name: "none", opts: Options{Destroy: true}},
		{name: "removed", count: 2, opts: Options{Destroy: true, Images: true}, want: "also deletes containerd namespace kukeon-main with 2 images", remove: true},
		{name: "one removed", count: 1, opts: Options{Destroy: true, Images: true}, want: "also deletes containerd namespace kukeon-main with 1 image", remove: true},
		{name: "no longer in the configuration", count: 2, want: "keeps 2 images in containerd namespace kukeon-main"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := made(t)
			h.actual.Namespaces["kukeon-main"].Images = tt.count
			desired := resource.NewTree()
			desired.Add(&resource.Resource{Path: "other", Spec: &resource.Realm{}})
			p := h.plan(desired, tt.opts)
			c := p.ChangesByPath()[theRealm]
			if c == nil || c.Action != plan.Delete || c.RemoveImages != tt.remove {
				t.Fatalf("the realm's change is %+v", c)
			}
			if kept := slices.Contains(c.Reasons, tt.want); kept != (tt.want != "") {
				t.Errorf("reasons %q, want %q", c.Reasons, tt.want)
			}
		})
	}
}

// A namespace that was kept for its images is neither in the way nor removed by anything but what says so.
func TestKeptImages(t *testing.T) {
	h := made(t)
	h.prior.Records = nil
	h.actual.Namespaces = map[string]*plan.Namespace{"kukeon-main": {
		Labels: map[string]string{plan.LabelPath: "main", plan.LabelProject: "default", plan.LabelKept: plan.KeptImages}, Images: 3, Containers: map[string]*plan.Container{},
	}}
	if p := h.plan(nil, Options{Destroy: true}); !p.Empty() {
		t.Errorf("destroy would\n%s", text(p))
	}
	if p := h.plan(nil, Options{Destroy: true, Images: true, Project: "other"}); !p.Empty() {
		t.Errorf("destroy of another project would\n%s", text(p))
	}
	p := h.plan(nil, Options{Destroy: true, Images: true, Unnamed: true, Directory: "/x"})
	compare(t, changesOf(p), `
delete main
  # its images were kept when it was destroyed
  # also deletes containerd namespace kukeon-main with 3 images
`)
	desired := resource.NewTree()
	desired.Add(&resource.Resource{Path: "main", Spec: &resource.Realm{}})
	compare(t, changesOf(h.plan(desired, Options{})), "\ncreate main\n")
}

// A destroy that was cut short has labelled a namespace that is used again.
func TestKeptLabelOfRecordedRealm(t *testing.T) {
	h := made(t)
	h.actual.Namespaces["kukeon-main"].Labels = map[string]string{plan.LabelPath: "main", plan.LabelKept: plan.KeptImages}
	compare(t, changesOf(h.plan(example(nil), Options{})), `
update main
  # containerd namespace kukeon-main bears the label of a realm that is destroyed
`)
}

// Each failure of a registry has its own title, for an image that is needed, and is a warning for one that can be compared later.
func TestRegistryFailures(t *testing.T) {
	titles := map[string]bool{}
	for _, cause := range []plan.RegistryCause{
		plan.RegistryUnauthorized, plan.RegistryRejected, plan.RegistryDenied, plan.RegistryCredentials, plan.RegistryNotFound, plan.RegistryPlatform,
		plan.RegistryTooManyRequests, plan.RegistryCertificate, plan.RegistryPlainHTTP, plan.RegistryDNS, plan.RegistryRefused, plan.RegistryUnreachable,
		plan.RegistryTimeout, plan.RegistryMediaType, plan.RegistryServer, plan.RegistryOther,
	} {
		failed := &plan.RegistryFailure{Cause: cause, Text: "it is so", Remedy: "Do this"}
		title := failed.Title()
		if title == "" || titles[title] {
			t.Errorf("the title of %s is %q", cause, title)
		}
		titles[title] = true
		h := made(t)
		desired := example(func(s specs) { container(s, theSide).Image = "missing:1" })
		h.refresh(desired)
		key := plan.ImageKey{Namespace: "kukeon-main", Reference: "missing:1"}
		status := plan.ImageStatus{Failure: failed}
		if cause == plan.RegistryPlatform {
			status.Remote = digestOf("missing:1")
		}
		h.actual.Images[key] = status
		_, diags := New(desired, h.prior, h.actual, Options{Project: "default"})
		wantError(t, diags, title, theSide, "can't be pulled: it is so. Do this. Otherwise bring the image in")
	}
}
