package planner

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// TestImageHealthcheck waits for containers whose image has a HEALTHCHECK, as far as the configuration leaves it in force.
func TestImageHealthcheck(t *testing.T) {
	for _, tt := range []struct {
		name string
		own  *resource.Healthcheck
		// waits says that the plan waits for the container, and check is the check in force.
		waits bool
		check *resource.Healthcheck
	}{
		{"of the image", nil, true, &resource.Healthcheck{Exec: []string{"/bin/sh", "-c", "curl localhost"}, IntervalSeconds: 2, TimeoutSeconds: 30, Retries: 3, StartIntervalSeconds: 5}},
		{"adjusted", &resource.Healthcheck{Retries: 7, TimeoutSeconds: 1}, true, &resource.Healthcheck{Exec: []string{"/bin/sh", "-c", "curl localhost"}, IntervalSeconds: 2, TimeoutSeconds: 1, Retries: 7, StartIntervalSeconds: 5}},
		{"own", &resource.Healthcheck{TCP: "localhost:80"}, true, &resource.Healthcheck{TCP: "localhost:80"}},
		{"disabled", &resource.Healthcheck{Disable: true}, false, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t)
			h.healthchecks = map[string]*plan.ImageHealthcheck{"side:1": {Test: []string{"CMD-SHELL", "curl localhost"}, Interval: 1500 * time.Millisecond}}
			p := h.converge(example(func(s specs) { s[theSide].(*resource.Container).Healthcheck = tt.own }), Options{})
			c := p.ChangesByPath()[theSide]
			if got := c.Check == resource.Healthy; got != tt.waits {
				t.Errorf("the plan waits: %t", got)
			}
			if got := h.prior.Records[theSide].Healthcheck(); !reflect.DeepEqual(got, tt.check) {
				t.Errorf("check %+v", got)
			}
			if r := h.prior.Records[theRoot]; r.Healthcheck() != nil || r.Status.ImageHealthcheck != nil {
				t.Errorf("the root has the check %+v", r.Healthcheck())
			}
		})
	}
}

// TestImageHealthcheckIsRecorded keeps the check of an image that is gone, and takes that of another.
func TestImageHealthcheckIsRecorded(t *testing.T) {
	h := newHost(t)
	h.healthchecks = map[string]*plan.ImageHealthcheck{"side:1": {Test: []string{"CMD", "true"}}, "side:2": {Test: []string{"CMD", "false"}}, "side:3": {Test: []string{"NONE"}}}
	h.converge(example(nil), Options{})
	checks := h.healthchecks
	h.healthchecks = nil
	if left := h.plan(example(nil), Options{}); !left.Empty() {
		t.Errorf("without the image there is to do:\n%s", text(left))
	}
	h.healthchecks = checks
	for image, want := range map[string][]string{"side:2": {"false"}, "side:3": nil, "side:1": {"true"}} {
		h.converge(example(func(s specs) { s[theSide].(*resource.Container).Image = image }), Options{})
		var got []string
		if check := h.prior.Records[theSide].Healthcheck(); check != nil {
			got = check.Exec
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q", image, got)
		}
	}
}

// TestImageHealthcheckOfOldRecord checks the container of an older kuke once, and changes nothing else.
func TestImageHealthcheckOfOldRecord(t *testing.T) {
	h := newHost(t)
	h.converge(example(nil), Options{}) // its configs are unknown
	h.healthchecks = map[string]*plan.ImageHealthcheck{"side:1": {Test: []string{"CMD", "true"}}}
	p := h.converge(example(nil), Options{})
	compare(t, text(p), `
check main/default/blog/web/side until healthy
  # the healthcheck of its image counts from now on
--
0 check main/default/blog/web/side
`)
	h.converge(example(func(s specs) { s[theSide].(*resource.Container).Healthcheck = &resource.Healthcheck{Disable: true} }), Options{})
	if r := h.prior.Records[theSide]; r.Healthcheck() != nil || r.Status.Health != nil {
		t.Errorf("check %+v, health %+v", r.Healthcheck(), r.Status.Health)
	}
}

// TestImageHealthcheckOfStopped leaves a container of an older kuke alone that the user has stopped.
func TestImageHealthcheckOfStopped(t *testing.T) {
	h := newHost(t)
	h.converge(example(nil), Options{})
	h.prior.Records[theSide].Status.Run = state.RunStopped
	h.actual.Container("kukeon-main", "default_blog_web_side").Status = plan.TaskNone
	h.healthchecks = map[string]*plan.ImageHealthcheck{"side:1": {Test: []string{"CMD", "true"}}}
	if left := h.plan(example(nil), Options{}); !left.Empty() {
		t.Errorf("there is to do:\n%s", text(left))
	}
}

// TestImpossibleHealthyCondition refuses to wait for the health of a container that nothing checks.
func TestImpossibleHealthyCondition(t *testing.T) {
	waiting := func(own *resource.Healthcheck) *resource.Tree {
		return example(func(s specs) {
			s[theRoot].(*resource.Container).Healthcheck = own
			s[theSide].(*resource.Container).DependsOn = []resource.Dependency{{Name: "web", Condition: resource.Healthy}}
		})
	}
	h := newHost(t)
	h.healthchecks = map[string]*plan.ImageHealthcheck{"side:1": {Test: []string{"CMD", "true"}}, "web:1": nil}
	for _, tt := range []struct {
		own  *resource.Healthcheck
		want string
	}{
		{nil, "Impossible condition: web can't become healthy: it has no healthcheck, and its image web:1 has none."},
		{&resource.Healthcheck{Retries: 2}, "No healthcheck to adjust: The healthcheck of container main/default/blog/web/web has no probe, and its image web:1 has none."},
	} {
		if _, diags := h.new(waiting(tt.own), Options{}); !strings.Contains(diags.Error(), tt.want) {
			t.Errorf("%v", diags)
		}
	}
	h.healthchecks["web:1"] = &plan.ImageHealthcheck{Test: []string{"CMD", "true"}}
	h.converge(waiting(nil), Options{})
}

// TestUnhealthyIsRestarted restarts a container that is unhealthy only where its configuration asks for that.
func TestUnhealthyIsRestarted(t *testing.T) {
	tree := func(action string) *resource.Tree {
		return example(func(s specs) {
			s[theSide].(*resource.Container).Healthcheck = &resource.Healthcheck{TCP: "localhost:80", OnUnhealthy: action}
		})
	}
	h := newHost(t)
	h.converge(tree("restart"), Options{})
	h.actual.Unhealthy = map[resource.Path]string{theSide: "connection refused"}
	p := h.plan(tree("restart"), Options{})
	compare(t, text(p), `
restart main/default/blog/web/side until healthy
  # restarted because it is unhealthy: connection refused
--
0 stop main/default/blog/web/side
1 start main/default/blog/web/side after [0]
2 check main/default/blog/web/side after [1]
`)
	if p := h.plan(tree(""), Options{}); strings.Contains(text(p), "restart main") || strings.Contains(text(p), "check main") {
		t.Errorf("without on_unhealthy:\n%s", text(p))
	}
	if p := h.plan(tree("restart"), Options{ByHand: true}); !p.Empty() {
		t.Errorf("by hand:\n%s", text(p))
	}
}
