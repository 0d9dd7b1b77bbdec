package planner

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

func every(string) bool { return true }

// shutdown plans the shutdown of every container.
func (h *host) shutdown() *plan.Plan {
	h.Helper()
	p, diags := Operate(h.prior, h.actual, Operation{Action: plan.Shutdown, Paths: OwnedContainers(h.prior, every)})
	if diags.HasErrors() {
		h.Fatalf("no plan: %v", diags)
	}
	if err := p.Validate(); err != nil {
		h.Fatal(err)
	}
	return p
}

// shop is a database, a migration that waits for it, and a shop that waits for that; beside them is another cell.
func shop() *resource.Tree {
	return example(func(s specs) {
		for _, cell := range []string{"db", "migrate", "shop"} {
			s[theStack.Join(cell)] = &resource.Cell{}
		}
		s[theStack+"/migrate"].(*resource.Cell).DependsOn = []resource.CellDependency{{Name: string(theStack + "/db"), Condition: resource.Healthy}}
		s[theStack+"/shop"].(*resource.Cell).DependsOn = []resource.CellDependency{{Name: string(theStack + "/migrate"), Condition: resource.Completed}}
		s[theStack+"/db/db"] = &resource.Container{Root: true, Image: "db:1", Healthcheck: &resource.Healthcheck{TCP: "localhost:5432"}}
		s[theStack+"/db/backup"] = &resource.Container{Image: "side:1"}
		s[theStack+"/migrate/migrate"] = &resource.Container{Root: true, Image: "db:1"}
		s[theStack+"/shop/shop"] = &resource.Container{Root: true, Image: "web:1"}
		s[theStack+"/shop/front"] = &resource.Container{Image: "web:1", DependsOn: []resource.Dependency{{Name: "cache"}}}
		s[theStack+"/shop/cache"] = &resource.Container{Image: "web:1"}
	})
}

// A container ends before those it depends on, a root container last, and nothing else waits.
func TestShutdownOrder(t *testing.T) {
	h := newHost(t)
	h.converge(shop(), Options{})
	p := h.shutdown()
	_, steps, _ := strings.Cut(text(p), "--\n")
	compare(t, steps, `
0 stop main/default/blog/shop/front
1 stop main/default/blog/shop/cache after [0]
2 stop main/default/blog/shop/shop after [0 1]
3 stop main/default/blog/migrate/migrate after [0 1 2]
4 stop main/default/blog/db/backup after [3]
5 stop main/default/blog/db/db after [3 4]
6 stop main/default/blog/web/side
7 stop main/default/blog/web/web after [6]
`)
	h.apply(p)
	if again := h.shutdown(); !again.Empty() {
		t.Errorf("a second shutdown has something to do:\n%s", text(again))
	}
	// The migration, which has completed, has no task any more: the shop depends on the database all the same.
	h.reboot()
	h.converge(shop(), Options{})
	p = h.shutdown()
	if slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Path == theStack+"/migrate/migrate" }) {
		t.Errorf("the migration is stopped again:\n%s", text(p))
	}
	wantOrder(t, p, "stop main/default/blog/shop/shop", "stop main/default/blog/db/backup")
}

// What ran is started by the next apply, and nothing else: not what the user has stopped, and not what has completed,
// even if a reboot comes between. A pause ends with the task that was paused. A container that ends with 0 because it is shut down has not completed.
func TestShutdownKeepsWhatRan(t *testing.T) {
	desired := func() *resource.Tree {
		return example(func(s specs) {
			for _, name := range []string{"done", "failed", "job", "loop", "paused", "stopped", "killed"} {
				s[theCell.Join(name)] = &resource.Container{Image: "side:1", RestartPolicy: "no"}
			}
			container(s, theCell+"/loop").RestartPolicy = "always"
		})
	}
	for name, between := range map[string]func(*host){"": func(*host) {}, "reboot": (*host).reboot} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.converge(desired(), Options{})
			h.operation(Operation{Action: plan.Pause, Paths: []resource.Path{theCell + "/paused"}})
			h.operation(Operation{Action: plan.Stop, Paths: []resource.Path{theCell + "/stopped"}})
			h.operation(Operation{Action: plan.Kill, Signal: "SIGKILL", Paths: []resource.Path{theCell + "/killed"}})
			h.kill(theCell+"/done", 0)
			h.kill(theCell+"/failed", 3)
			h.kill(theCell+"/loop", 0)
			h.apply(h.shutdown())
			for _, c := range h.actual.Namespaces["kukeon-main"].Containers {
				if c.Status != plan.TaskNone || c.RestartPolicy != "" {
					t.Errorf("%s is %s, with the policy %q", c.ID, c.Status, c.RestartPolicy)
				}
			}
			if e := h.prior.Records[theCell+"/failed"].Status.Exit; e == nil || e.Code != 3 {
				t.Errorf("recorded exit %+v", e)
			}
			between(h)
			p := h.plan(desired(), Options{})
			var started []string
			for _, c := range p.Changes {
				if c.Action == plan.Start || c.Start {
					started = append(started, c.Path.Name())
				} else if name == "" {
					t.Errorf("%s %s", c.Action, c.Path)
				}
			}
			slices.Sort(started)
			if want := []string{"failed", "job", "loop", "paused", "side", "web"}; !slices.Equal(started, want) {
				t.Errorf("started are %v, want %v", started, want)
			}
			h.apply(p)
			if p := h.plan(desired(), Options{}); !p.Empty() {
				t.Errorf("there is something left to do:\n%s", text(p))
			}
			if p := h.shutdown(); !p.Empty() {
				h.apply(p)
			}
		})
	}
}

// The record of how a container ended keeps it from running again, as long as its policy lets it end.
func TestRecordedEnd(t *testing.T) {
	policy := func(p string) *resource.Tree {
		return example(func(s specs) { container(s, theSide).RestartPolicy = p })
	}
	h := newHost(t)
	h.converge(policy("no"), Options{})
	h.kill(theSide, 0)
	h.apply(h.shutdown())
	h.converge(policy("no"), Options{})
	if h.at(theSide).Status != plan.TaskNone {
		t.Error("it runs again")
	}
	if live := States(h.prior, h.actual)[theSide]; live.State != plan.StateStopped || live.Detail != "0" {
		t.Errorf("its state is %s %s", live.State, live.Detail)
	}
	// An update in place leaves it ended.
	h.converge(example(func(s specs) {
		c := container(s, theSide)
		c.RestartPolicy, c.Labels = "no", map[string]string{"a": "b"}
	}), Options{})
	if h.at(theSide).Status != plan.TaskNone || h.prior.Records[theSide].Status.Exit == nil {
		t.Errorf("it is %+v, recorded %+v", h.at(theSide), h.prior.Records[theSide].Status)
	}
	h.converge(policy("always"), Options{})
	if h.at(theSide).Status != plan.TaskRunning || h.prior.Records[theSide].Status.Exit != nil {
		t.Errorf("with another policy it is %+v, recorded %+v", h.at(theSide), h.prior.Records[theSide].Status)
	}
}

func TestShutdownOfProject(t *testing.T) {
	h := made(t)
	byHand := &state.Record{Path: theCell + "/debug", Spec: &resource.Container{}}
	h.prior.Records[byHand.Path] = byHand
	h.prior.Records["other/s/t/c/x"] = &state.Record{Path: "other/s/t/c/x", Spec: &resource.Container{}, Status: state.Status{Project: "other"}}
	for project, want := range map[string][]resource.Path{
		"default": {theCell + "/debug", theSide, theRoot}, "other": {"other/s/t/c/x"}, "none": nil,
	} {
		got := OwnedContainers(h.prior, func(p string) bool { return p == project })
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", project, got, want)
		}
	}
	// One that containerd has lost keeps nobody from being stopped.
	delete(h.actual.Namespaces["kukeon-main"].Containers, resource.ContainerID(theSide))
	compare(t, changesOf(h.shutdown()), `
shutdown main/default/blog/web/web
`)
}

// Whatever the configuration: in any order that the plan allows, all that runs ends, each after those that depend on it,
// and the next apply starts the same.
func TestShutdownsAreUndone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHost(t)
		desired := randomTree(t, "configuration")
		h.converge(desired, Options{})
		ran := h.running()
		p := h.shutdown()
		h.applyInAnyOrder(t, p, len(p.Steps))
		if left := h.running(); len(left) > 0 {
			t.Fatalf("%v still run", left)
		}
		if rapid.Bool().Draw(t, "reboot") {
			h.reboot()
		}
		h.converge(desired, Options{})
		if now := h.running(); !maps.Equal(now, ran) {
			t.Fatalf("%v run, not %v:\n%s", now, ran, text(p))
		}
	})
}

func (h *host) running() map[resource.Path]bool {
	running := map[resource.Path]bool{}
	for _, ns := range h.actual.Namespaces {
		for _, c := range ns.Containers {
			if c.Status == plan.TaskRunning {
				running[resource.Path(c.Labels[plan.LabelPath])] = true
			}
		}
	}
	return running
}
