package planner

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/graph"
	"github.com/kukeon/kuke/planner/plan"
)

// interrupt carries out the plan one step after another, as an apply does that is interrupted once so many steps have begun,
// and returns the steps that were done.
func (h *host) interrupt(p *plan.Plan, begun int) []plan.Step {
	h.Helper()
	h.changes, h.names, h.prepared = p.ChangesByPath(), p.Names, map[resource.Path]bool{}
	for _, name := range p.Profiles {
		h.actual.Profiles[name] = true
	}
	h.endHolds(p)
	g := graph.New(len(p.Steps))
	for i, s := range p.Steps {
		for _, on := range s.After {
			g.Wait(i, on)
		}
	}
	signal := make(chan struct{})
	var done []plan.Step
	g.Walk(context.Background(), graph.WalkOptions{Interrupt: signal, Commits: p.Commits()}, func(_ context.Context, i int) error {
		s := p.Steps[i]
		if done = append(done, s); len(done) == begun {
			close(signal)
		}
		h.step(s, h.changes[s.Path], func(format string, args ...any) {
			h.Fatalf("step %d, %s %s: %s\n%s", i, s.Op, s.Path, fmt.Sprintf(format, args...), text(p))
		})
		return nil
	})
	h.prior.Serial++
	return done
}

// works reports whether a container runs, or has done its work.
func (h *host) works(p resource.Path) bool {
	r := h.prior.Records[p]
	if r == nil {
		return false
	}
	found := h.actual.Container(r.Status.Namespace, r.Status.ContainerID)
	return found != nil && (found.Status == plan.TaskRunning || found.Status == plan.TaskStopped && found.ExitCode == 0)
}

// Whenever an apply is interrupted, each container that ran, and that stays in the configuration, runs afterwards: as it was,
// or as it is to be.
func TestInterruptTakesNothingDown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHost(t)
		first := randomTree(t, "first")
		h.converge(first, Options{})
		desired := randomTree(t, "second")
		opts := Options{}
		if all := desired.Resources(); len(all) > 0 && rapid.Bool().Draw(t, "replace") {
			opts.Replace = []resource.Path{rapid.SampledFrom(all).Draw(t, "replaced").Path}
		}
		p, diags := h.new(desired, opts)
		if diags.HasErrors() {
			t.Skip() // there is no container to replace
		}
		ran := map[resource.Path]bool{}
		for path := range h.prior.Records {
			if path.Kind() == resource.KindContainer && desired.Resource(path) != nil {
				ran[path] = h.works(path)
			}
		}
		done := h.interrupt(p, rapid.IntRange(1, max(1, len(p.Steps))).Draw(t, "steps begun"))
		for path, was := range ran {
			if was && !h.works(path) {
				t.Fatalf("%s is down after the steps\n%v\nof\n%s", path, done, text(p))
			}
		}
		h.apply(h.plan(desired, Options{}))
		h.checkConverged(desired)
	})
}

func TestInterruptedReplacement(t *testing.T) {
	const second = resource.Path("main/default/blog/other")
	for _, test := range []struct {
		name  string
		edit  func(specs)
		begun int // the interrupt comes in the step of this number
		want  string
	}{
		{
			name: "of a container", begun: 3,
			edit: func(s specs) { container(s, theSide).Env = resource.Env{"A": "b"} },
			want: "image, prepare side, delete side, create side",
		},
		{
			name: "of a root container: its cell is one unit", begun: 5,
			edit: func(s specs) { container(s, theRoot).Env = resource.Env{"A": "b"} },
			want: "image, image, prepare web, prepare side, delete side, delete web, create web, create side",
		},
		{
			name: "of one cell of two", begun: 7,
			edit: func(s specs) {
				container(s, theRoot).Env = resource.Env{"A": "b"}
				s[second] = &resource.Cell{}
				s[second+"/root"] = &resource.Container{Image: "side:1", Root: true}
			},
			want: "create other, image, create root, image, prepare web, prepare side, delete side, delete web, create web, create side",
		},
		{
			name: "before it has begun", begun: 2,
			edit: func(s specs) { container(s, theSide).Env = resource.Env{"A": "b"} },
			want: "image, prepare side",
		},
		{
			name: "without the wait until it works", begun: 3,
			edit: func(s specs) {
				container(s, theSide).Env = resource.Env{"A": "b"}
				container(s, theSide).Healthcheck = &resource.Healthcheck{TCP: "localhost:1"}
			},
			want: "image, prepare side, delete side, create side",
		},
		{
			name: "with the wait for one that another waits for", begun: 5,
			edit: func(s specs) {
				container(s, theRoot).Env = resource.Env{"A": "b"}
				container(s, theRoot).Healthcheck = &resource.Healthcheck{TCP: "localhost:1"}
				container(s, theSide).DependsOn = []resource.Dependency{{Name: "web", Condition: resource.Healthy}}
			},
			want: "image, image, prepare web, prepare side, delete side, delete web, create web, check web, create side",
		},
		{
			name: "of a root container by another", begun: 4,
			edit: func(s specs) {
				s[theCell+"/new"] = container(s, theRoot)
				delete(s, theRoot)
				delete(s, theSide)
			},
			want: "image, prepare new, delete side, delete web, create new",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t)
			h.converge(example(nil), Options{})
			desired := example(test.edit)
			p := h.plan(desired, Options{})
			var done []string
			for _, s := range h.interrupt(p, test.begun) {
				done = append(done, strings.TrimSpace(string(s.Op)+" "+s.Path.Name()))
			}
			if got := strings.Join(done, ", "); got != test.want {
				t.Errorf("got  %s\nwant %s\nof\n%s", got, test.want, text(p))
			}
			left := h.plan(desired, Options{})
			h.apply(left)
			h.checkConverged(desired)
		})
	}
}
