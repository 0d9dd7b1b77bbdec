package planner

import (
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// pinned returns the reference for the image that the other means, by its digest.
func pinned(name, other string) string { return name + "@" + digestOf(other) }

func sideOf(image string) *resource.Tree {
	return example(func(s specs) { container(s, theSide).Image = image })
}

// Another reference for the very image that a container was made from changes its record, and nothing that runs.
func TestAnotherReferenceForTheSameImage(t *testing.T) {
	byDigest, tagged := pinned("side", "side:1"), pinned("side:1", "side:1")
	h := made(t)
	before := h.at(theSide)
	for _, image := range []string{byDigest, tagged, pinned("elsewhere/app", "side:1"), "side:1"} {
		p := h.converge(sideOf(image), Options{})
		c := p.ChangesByPath()[theSide]
		if len(p.Changes) != 1 || c.Action != plan.Update || c.Start || c.Diffs[0].ForcesReplacement || !strings.Contains(strings.Join(c.Reasons, " "), "the container keeps running") {
			t.Errorf("to %s:\n%s", image, text(p))
		}
		if len(p.Images) != 1 || p.Images[0].Pull || p.Images[0].Reference != image {
			t.Errorf("to %s: images %+v", image, p.Images)
		}
		wantOrderOfImage(t, p)
		r := h.prior.Records[theSide]
		if h.at(theSide) != before || r.Status.ImageDigest != digestOf("side:1") || r.Status.SpecDigest != resource.CreationDigest(r.Spec) {
			t.Errorf("to %s: record %+v", image, r.Status)
		}
		if drift, diags := Drift(h.prior, h.actual); len(drift) > 0 || diags.HasErrors() {
			t.Errorf("to %s: drift %v, %v", image, drift, diags)
		}
		if other := h.plan(sideOf(image), Options{Replace: []resource.Path{theSide}}); other.Images[0].Pull {
			t.Errorf("to %s: %+v is pulled", image, other.Images[0])
		}
	}
}

// From one tag to another the container is replaced, even if both mean the same image.
func TestAnotherTagForTheSameImage(t *testing.T) {
	h := made(t)
	h.refresh(sideOf("side:2"))
	h.actual.Images[plan.ImageKey{Namespace: "kukeon-main", Reference: "side:2"}] = plan.ImageStatus{Local: digestOf("side:1")}
	p, diags := New(sideOf("side:2"), h.prior, h.actual, Options{Project: "default"})
	if diags.HasErrors() || p.ChangesByPath()[theSide].Action != plan.Replace {
		t.Errorf("%v\n%s", diags, text(p))
	}
}

// wantOrderOfImage makes sure that an update that names another image waits until it is there by that name.
func wantOrderOfImage(t *testing.T, p *plan.Plan) {
	t.Helper()
	if len(p.Steps) != 2 || p.Steps[0].Op != plan.OpImage || p.Steps[1].Op != plan.OpUpdate || len(p.Steps[1].After) != 1 {
		t.Errorf("steps:\n%s", text(p))
	}
}

// The image need not be there any more for that, nor a registry.
func TestAnotherReferenceForAnImageThatIsGone(t *testing.T) {
	h := made(t)
	delete(h.local, plan.ImageKey{Namespace: "kukeon-main", Reference: "side:1"})
	p := h.converge(sideOf(pinned("missing", "side:1")), Options{})
	if c := p.ChangesByPath()[theSide]; c.Action != plan.Update || len(p.Images) != 0 {
		t.Errorf("plan\n%s", text(p))
	}
}

// A digest is enough to find an image by, whatever the pull policy, and another one makes another container.
func TestImageByDigest(t *testing.T) {
	for _, policy := range []string{"", resource.PullAlways, resource.PullNever} {
		for _, name := range []string{"app", "app:latest", "example.com/missing"} {
			h := newHost(t)
			h.converge(example(nil), Options{})
			h.local[plan.ImageKey{Namespace: "kukeon-main", Reference: "web:2"}] = true
			p := h.converge(example(func(s specs) {
				container(s, theSide).Image, container(s, theSide).PullPolicy = pinned(name, "web:2"), policy
			}), Options{})
			if c := p.ChangesByPath()[theSide]; c.Action != plan.Replace || c.After.Status.ImageDigest != digestOf("web:2") || p.Images[0].Pull {
				t.Errorf("%s with the policy %q:\n%s", name, policy, text(p))
			}
		}
	}
}

// A registry has it where the namespace has not.
func TestImageByDigestIsPulled(t *testing.T) {
	h := made(t)
	p := h.converge(sideOf(pinned("app", "web:2")), Options{})
	if !p.Images[0].Pull || p.Images[0].Digest != digestOf("web:2") {
		t.Errorf("images %+v", p.Images[0])
	}
}

// Nobody has it: that is said before anything is stopped.
func TestImageByDigestIsNowhere(t *testing.T) {
	for policy, want := range map[string][2]string{
		"":                 {"Name of the registry not resolved", "no image of containerd namespace kukeon-main has this digest, and it can't be pulled: no such host"},
		resource.PullNever: {"Image not found", "its pull policy is never"},
	} {
		h := made(t)
		_, diags := h.new(example(func(s specs) {
			container(s, theSide).Image, container(s, theSide).PullPolicy = pinned("missing", "web:2"), policy
		}), Options{})
		wantError(t, diags, want[0], theSide, want[1])
	}
}

// Where an index and the manifest in it that is for this host are compared they are the same image, whichever is recorded.
func TestIndexAndItsManifest(t *testing.T) {
	h := made(t)
	index := digestOf("side:1")
	h.local[plan.ImageKey{Namespace: "kukeon-main", Reference: "side@" + digestOf("manifest")}] = true
	desired := sideOf(pinned("side", "manifest"))
	h.actual.Manifests = map[string]string{index: digestOf("manifest"), digestOf("manifest"): digestOf("manifest")}
	p := h.converge(desired, Options{})
	if c := p.ChangesByPath()[theSide]; c.Action != plan.Update || c.After.Status.ImageDigest != digestOf("manifest") {
		t.Errorf("to the manifest:\n%s", text(p))
	}
	// From then on nobody need know of the index.
	h.actual.Manifests = nil
	if p := h.plan(desired, Options{}); !p.Empty() {
		t.Errorf("afterwards:\n%s", text(p))
	}
	h.actual.Manifests = map[string]string{index: digestOf("another")}
	if p := h.plan(sideOf("side:1"), Options{}); p.ChangesByPath()[theSide].Action != plan.Replace {
		t.Errorf("to another image:\n%s", text(p))
	}
}
