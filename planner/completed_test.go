package planner

import (
	"testing"
	"time"

	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// What has done its work is recorded without a plan, and does not run again when containerd has forgotten it.
func TestCompletions(t *testing.T) {
	once := func(env string) specs {
		s := specs{}
		example(func(all specs) {
			for p, spec := range all {
				s[p] = spec
			}
			c := container(s, theSide)
			c.RestartPolicy = "no"
			if env != "" {
				c.Env = map[string]string{"A": env}
			}
		})
		return s
	}
	for _, test := range []struct {
		name  string
		do    func(*host)
		again bool // it runs again after the reboot
	}{
		{name: "completed", do: func(h *host) { h.kill(theSide, 0) }},
		{name: "failed", do: func(h *host) { h.kill(theSide, 1) }, again: true},
		{name: "running", do: func(*host) {}, again: true},
		{name: "started again by somebody", again: true, do: func(h *host) {
			r := *h.prior.Records[theSide]
			r.Status.Exit = &state.Exit{}
			h.prior.Records[theSide] = &r
		}},
		{name: "made from another spec by somebody", again: true, do: func(h *host) {
			h.kill(theSide, 0)
			h.at(theSide).Labels[plan.LabelSpecDigest] = "sha256:other"
		}},
		{name: "a root container that must not end", again: true, do: func(h *host) {
			h.kill(theSide, 1)
			h.kill(theRoot, 0)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t)
			h.converge(tree(once("")), Options{})
			test.do(h)
			h.refresh(tree(once("")))
			for _, r := range plan.Completions(h.prior, h.actual) {
				h.prior.Records[r.Path] = r
			}
			if again := plan.Completions(h.prior, h.actual); len(again) > 0 {
				t.Errorf("recorded again: %v", again[0].Status.Exit)
			}
			before := h.plan(tree(once("")), Options{})
			if !test.again && !before.Empty() {
				t.Errorf("there is something to do:\n%s", text(before))
			}
			h.reboot()
			h.apply(h.plan(tree(once("")), Options{}))
			if got := h.at(theSide).Status == plan.TaskRunning; got != test.again {
				t.Errorf("it runs again: %v", got)
			}
			h.converge(tree(once("another")), Options{})
			if h.at(theSide).Status != plan.TaskRunning || h.prior.Records[theSide].Status.Exit != nil {
				t.Error("a changed spec does not run")
			}
		})
	}
	// The user's own stop is no completion, whatever it ended with.
	h := newHost(t)
	h.converge(tree(once("")), Options{})
	h.kill(theSide, 0)
	r := *h.prior.Records[theSide]
	r.Status.Run, r.Status.Exit = state.RunStopped, &state.Exit{Code: 143, At: time.Unix(1, 0)}
	h.prior.Records[theSide] = &r
	if got := plan.Completions(h.prior, h.actual); len(got) > 0 {
		t.Errorf("recorded %v", got[0].Status.Exit)
	}
}
