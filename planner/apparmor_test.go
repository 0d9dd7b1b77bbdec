package planner

import (
	"slices"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// confined makes the host one that enforces AppArmor, with these profiles loaded.
func confined(profiles ...string) func(*host) {
	return func(h *host) {
		h.actual.Profiles = map[string]bool{"other": true}
		for _, name := range profiles {
			h.actual.Profiles[name] = true
		}
	}
}

func TestConfine(t *testing.T) {
	custom := func(s specs) { container(s, theSide).SecurityOpts = []string{"apparmor=other"} }
	score := func(n int64) func(*host) { return func(h *host) { h.at(theSide).OOMScoreAdj = &n } }
	runChanges(t, []change{
		{name: "default profile loaded", host: confined(resource.DefaultAppArmorProfile)},
		{
			name: "a container lost its profile",
			host: func(h *host) {
				confined(resource.DefaultAppArmorProfile)(h)
				h.at(theSide).AppArmor, h.at(theRoot).AppArmor = "unconfined", resource.DefaultAppArmorProfile
			},
			want: "\nrestart main/default/blog/web/side\n  # changed outside of kuke: it runs unconfined: its AppArmor profile kukeon-default was removed\n",
			more: func(t *testing.T, p *plan.Plan) {
				if len(p.Profiles) > 0 {
					t.Errorf("loads %v", p.Profiles)
				}
			}},
		{
			name: "a container that wants no profile", edit: func(s specs) { container(s, theSide).SecurityOpts = []string{"apparmor=unconfined"} },
			host: func(h *host) {
				confined(resource.DefaultAppArmorProfile)(h)
				h.converge(example(func(s specs) { container(s, theSide).SecurityOpts = []string{"apparmor=unconfined"} }), Options{})
				h.at(theSide).AppArmor = "unconfined"
			}},
		{
			name: "a container that loses a profile of the user's", edit: custom,
			host: func(h *host) {
				confined(resource.DefaultAppArmorProfile)(h)
				h.converge(example(custom), Options{})
				h.at(theSide).AppArmor = "unconfined"
			},
			want: "\nrestart main/default/blog/web/side\n  # changed outside of kuke: it runs unconfined: its AppArmor profile other was removed\n",
		},
		{name: "OOM score as wanted", host: score(0)},
		{
			name: "OOM score of containerd's shim", host: score(-998),
			want: "\nupdate main/default/blog/web/side\n  # changed outside of kuke: its OOM score adjustment is -998, not 0\n",
		},
		{
			name: "another OOM score is wanted", host: score(0), edit: func(s specs) { container(s, theSide).OOMScoreAdj = 500 },
			want: "\nupdate main/default/blog/web/side\n  oomScoreAdj: <nil> -> 500\n",
		},
	})
}

// A reboot takes the profile from the kernel: it is loaded before anything is started.
func TestProfileIsLoaded(t *testing.T) {
	h := made(t)
	confined()(h)
	p := h.plan(example(nil), Options{})
	if !slices.Equal(p.Profiles, []string{resource.DefaultAppArmorProfile}) || p.Empty() {
		t.Fatalf("loads %v", p.Profiles)
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	p.Profiles = []string{"other"}
	if err := p.Validate(); err == nil {
		t.Error("a plan may load any profile")
	}
	// What needs none loads none: stopped by hand, privileged, unconfined, destroyed.
	h.operation(Operation{Action: plan.Stop, Paths: []resource.Path{theRealm}})
	if p := h.plan(example(nil), Options{}); len(p.Profiles) > 0 {
		t.Errorf("loads %v for containers that stay stopped", p.Profiles)
	}
	if p := h.plan(nil, Options{Destroy: true}); len(p.Profiles) > 0 {
		t.Errorf("loads %v to destroy", p.Profiles)
	}
	h = newHost(t)
	confined()(h)
	free := example(func(s specs) {
		container(s, theRoot).Privileged = true
		container(s, theSide).SecurityOpts = []string{"apparmor=unconfined"}
	})
	if p := h.plan(free, Options{}); len(p.Profiles) > 0 {
		t.Errorf("loads %v for containers without a profile", p.Profiles)
	}
}

func TestProfileOfTheUser(t *testing.T) {
	tree := example(func(s specs) { container(s, theSide).SecurityOpts = []string{"apparmor=mine"} })
	for _, test := range []struct {
		name, summary string
		host          func(*host)
	}{
		{"not loaded", "AppArmor profile is not loaded", confined()},
		{"not enforced", "AppArmor is not enforced", func(*host) {}},
	} {
		h := newHost(t)
		test.host(h)
		_, diags := h.new(tree, Options{})
		if len(diags) != 1 || diags[0].Summary != test.summary || !strings.Contains(diags[0].Detail, "mine") {
			t.Errorf("%s: %v", test.name, diags)
		}
	}
	h := newHost(t)
	confined("mine")(h)
	h.converge(tree, Options{})
	confined()(h)
	if _, diags := Operate(h.prior, h.actual, Operation{Action: plan.Restart, Paths: []resource.Path{theSide}}); !strings.Contains(diags.Error(), "has not loaded") {
		t.Errorf("restart: %v", diags)
	}
}

// confine gives a task what its spec says of the kernel's treatment of it: a profile that must be loaded, on a host that
// enforces AppArmor, and a score, once it begins.
func (h *host) confine(r *state.Record, c *plan.Container, begins bool, fail failFunc) {
	spec := r.Spec.(*resource.Container)
	score := spec.OOMScoreAdj
	c.OOMScoreAdj = &score
	if h.actual.Profiles == nil || !begins {
		return
	}
	c.AppArmor = unconfined
	if profile := spec.AppArmorProfile(); profile != "" {
		if !h.actual.Profiles[profile] {
			fail("AppArmor profile %s is not loaded", profile)
		}
		c.AppArmor = profile
	}
}
