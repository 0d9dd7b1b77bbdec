package planner

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// operate plans an operation, which must succeed, and carries it out.
func (h *host) operation(o Operation) *plan.Plan {
	h.Helper()
	p, diags := Operate(h.prior, h.actual, o)
	if diags.HasErrors() {
		h.Fatalf("no plan: %v", diags)
	}
	if err := p.Validate(); err != nil {
		h.Fatal(err)
	}
	h.apply(p)
	return p
}

// start plans what kuke start does, and carries it out.
func (h *host) startAgain(paths ...resource.Path) *plan.Plan {
	h.Helper()
	p := h.plan(Recorded(h.prior, paths), Options{Project: "default", ByHand: true, Start: true, Targets: paths})
	h.apply(p)
	return p
}

func nothingToDo(t *testing.T, h *host) {
	t.Helper()
	if p := h.plan(example(nil), Options{}); !p.Empty() {
		t.Errorf("there is something to do:\n%s", text(p))
	}
}

// What the user has stopped stays so over applies, until it is started again.
func TestStoppedStaysStopped(t *testing.T) {
	for _, o := range []Operation{
		{Action: plan.Stop, Paths: []resource.Path{theSide}}, {Action: plan.Stop, Paths: []resource.Path{theRoot}}, {Action: plan.Stop, Paths: []resource.Path{theRealm}},
		{Action: plan.Kill, Signal: "SIGKILL", Paths: []resource.Path{theCell}}, {Action: plan.Pause, Paths: []resource.Path{theCell}}, {Action: plan.Pause, Paths: []resource.Path{theSide}},
	} {
		t.Run(fmt.Sprint(o), func(t *testing.T) {
			h := made(t)
			p := h.operation(o)
			for i, s := range p.Steps {
				if len(s.After) > 0 {
					t.Errorf("step %d waits: %v", i, s.After)
				}
			}
			nothingToDo(t, h)
			for _, c := range p.Changes {
				if h.at(c.Path).Status == plan.TaskRunning {
					t.Errorf("%s runs", c.Path)
				}
			}
			h.startAgain(o.Paths...)
			nothingToDo(t, h)
			for _, p := range []resource.Path{theRoot, theSide} {
				if h.at(p).Status != plan.TaskRunning || h.prior.Records[p].Status.Run != "" {
					t.Errorf("%s is %+v, recorded %+v", p, h.at(p), h.prior.Records[p].Status)
				}
			}
		})
	}
}

// An apply starts what the user has stopped only with --start, and then just what is targeted.
func TestApplyWithStart(t *testing.T) {
	h := made(t)
	h.operation(Operation{Action: plan.Stop, Paths: []resource.Path{theCell}})
	compare(t, changesOf(h.plan(example(nil), Options{Start: true, Targets: []resource.Path{theSide}})), `
start main/default/blog/web/side
  # it was stopped by kuke stop, or recorded as stopped by --refresh-only
`)
	h.converge(example(nil), Options{Start: true})
	nothingToDo(t, h)
}

// A plan without changes names what commands have stopped, unless it starts or leaves them out.
func TestPlanNamesWhatStaysStopped(t *testing.T) {
	h := made(t)
	if p := h.plan(example(nil), Options{}); len(p.Stopped) > 0 {
		t.Errorf("stopped %v", p.Stopped)
	}
	h.operation(Operation{Action: plan.Kill, Signal: "SIGKILL", Paths: []resource.Path{theRoot}})
	h.operation(Operation{Action: plan.Stop, Paths: []resource.Path{theSide}})
	if p := h.plan(example(nil), Options{}); !p.Empty() || !slices.Equal(p.Stopped, []resource.Path{theRoot, theSide}) {
		t.Errorf("stopped %v:\n%s", p.Stopped, text(p))
	}
	if p := h.plan(example(nil), Options{Targets: []resource.Path{theRoot}}); !slices.Equal(p.Stopped, []resource.Path{theRoot}) {
		t.Errorf("stopped %v", p.Stopped)
	}
	if p := h.plan(example(nil), Options{Start: true}); len(p.Stopped) > 0 {
		t.Errorf("stopped %v", p.Stopped)
	}
}

// What was killed has no task after a reboot. The reason of its start is the kill all the same.
func TestApplyWithStartAfterKill(t *testing.T) {
	h := made(t)
	h.operation(Operation{Action: plan.Kill, Signal: "SIGKILL", Paths: []resource.Path{theSide}})
	h.at(theSide).Status = plan.TaskNone
	compare(t, changesOf(h.plan(example(nil), Options{Start: true, Targets: []resource.Path{theSide}})), `
start main/default/blog/web/side
  # it was killed by kuke kill
`)
}

// A container that is made anew runs, whatever became of its predecessor.
func TestReplacedContainerRuns(t *testing.T) {
	h := made(t)
	h.operation(Operation{Action: plan.Stop, Paths: []resource.Path{theCell}})
	desired := example(func(s specs) { container(s, theRoot).Env = resource.Env{"A": "1"} })
	h.converge(desired, Options{})
	for _, p := range []resource.Path{theRoot, theSide} {
		if h.at(p).Status != plan.TaskRunning || h.prior.Records[p].Status.Run != "" {
			t.Errorf("%s is %+v, recorded %+v", p, h.at(p), h.prior.Records[p].Status)
		}
	}
}

// Somebody else starts what the user has stopped: that is drift.
func TestStartedOutside(t *testing.T) {
	h := made(t)
	h.operation(Operation{Action: plan.Stop, Paths: []resource.Path{theSide}})
	h.at(theSide).Status, h.at(theSide).NetNS = plan.TaskRunning, h.at(theRoot).NetNS
	compare(t, changesOf(h.converge(example(nil), Options{})), `
stop main/default/blog/web/side
  # changed outside of kuke: it runs, but was stopped by kuke: start it with kuke start, or kuke apply --start
`)
}

func TestRestart(t *testing.T) {
	h := made(t)
	p := h.operation(Operation{Action: plan.Restart, Paths: []resource.Path{theCell}})
	_, steps, _ := strings.Cut(text(p), "--\n")
	compare(t, steps, `
0 stop main/default/blog/web/side
1 stop main/default/blog/web/web
2 start main/default/blog/web/web after [0 1]
3 start main/default/blog/web/side after [0 2]
`)
	nothingToDo(t, h)
}

func TestOperationsThatCannotBe(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    Operation
		host func(*host)
		want string
	}{
		{"no such", Operation{Action: plan.Stop, Paths: []resource.Path{"other"}}, nil, "other has no container in the state"},
		{"kill the dead", Operation{Action: plan.Kill, Signal: "SIGKILL", Paths: []resource.Path{theSide}}, func(h *host) { h.kill(theSide, 1) }, "does not run: it is Failed"},
		{"pause the dead", Operation{Action: plan.Pause, Paths: []resource.Path{theSide}}, func(h *host) { h.kill(theSide, 0) }, "does not run: it is Stopped"},
		{"unpause what runs not", Operation{Action: plan.Unpause, Paths: []resource.Path{theSide}}, func(h *host) { h.kill(theSide, 0) }, "is not paused: it is Stopped"},
		{"removed", Operation{Action: plan.Stop, Paths: []resource.Path{theSide}}, func(h *host) {
			delete(h.actual.Namespaces["kukeon-main"].Containers, resource.ContainerID(theSide))
		}, "containerd does not have the container"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := made(t)
			if tt.host != nil {
				tt.host(h)
			}
			if _, diags := Operate(h.prior, h.actual, tt.o); !strings.Contains(diags.Error(), tt.want) {
				t.Errorf("%v, want %q", diags, tt.want)
			}
			// Of a whole cell, those that it can't be done to are left out.
			tt.o.Paths = []resource.Path{theCell}
			if p, diags := Operate(h.prior, h.actual, tt.o); diags.HasErrors() || len(p.Changes) > 1 && tt.name != "no such" {
				t.Errorf("%v %+v", diags, p)
			}
		})
	}
}

func TestRestartMisses(t *testing.T) {
	h := made(t)
	delete(h.actual.Namespaces["kukeon-main"].Containers, resource.ContainerID(theRoot))
	if _, diags := Operate(h.prior, h.actual, Operation{Action: plan.Restart, Paths: []resource.Path{theCell}}); !strings.Contains(diags.Error(), "containerd does not have the container") {
		t.Errorf("the cell of a container that is gone is restarted: %v", diags)
	}
}

// What is made by hand belongs to no project, and no configuration's plan deletes it, save with its parent.
func TestMadeByHand(t *testing.T) {
	h := made(t)
	byHand := example(func(s specs) {
		for p := range s {
			if p != theRealm && p != theSpace && p != theStack && p != theCell {
				delete(s, p)
			}
		}
		s[theCell+"/debug"] = &resource.Container{Image: "side:1"}
	})
	p := h.plan(byHand, Options{ByHand: true, Targets: []resource.Path{theCell + "/debug"}})
	h.apply(p)
	if r := h.prior.Records[theCell+"/debug"]; r == nil || r.Status.Project != "" {
		t.Fatalf("recorded as %+v\n%s", r, text(p))
	}
	nothingToDo(t, h)
	h.apply(h.plan(nil, Options{ByHand: true, Destroy: true, Targets: []resource.Path{theCell + "/debug"}}))
	if h.prior.Records[theCell+"/debug"] != nil || h.prior.Records[theSide] == nil {
		t.Error("not just that one was deleted")
	}
	nothingToDo(t, h)
}

// A pause ends with the task that was paused, other than a stop: the plan starts the container.
func TestPauseEndsWithItsTask(t *testing.T) {
	const why = `
start main/default/blog/web/side
  # it was paused, and the pause ended with its task
`
	for _, status := range []plan.TaskStatus{plan.TaskNone, plan.TaskStopped} {
		t.Run("task "+string(status), func(t *testing.T) {
			h := made(t)
			h.operation(Operation{Action: plan.Pause, Paths: []resource.Path{theSide}})
			c := h.at(theSide)
			c.Status, c.NetNS, c.PID, c.ExitCode = status, 0, 0, 137
			_, diags := Operate(h.prior, h.actual, Operation{Action: plan.Unpause, Paths: []resource.Path{theCell}})
			if !diags.HasErrors() || !strings.Contains(diags.Error(), "Start it with: kuke start container "+string(theSide)) {
				t.Errorf("unpause says %v", diags)
			}
			compare(t, changesOf(h.plan(example(nil), Options{})), why)
			h.converge(example(nil), Options{})
			if run := h.prior.Records[theSide].Status.Run; run != "" {
				t.Errorf("recorded as %q", run)
			}
		})
	}
	t.Run("another task", func(t *testing.T) {
		h := made(t)
		h.operation(Operation{Action: plan.Pause, Paths: []resource.Path{theSide}})
		h.at(theSide).Status = plan.TaskRunning
		h.prior.Records[theSide].Status.UpdatedAt = &at
		h.at(theSide).StartedAt = at.Add(-time.Minute) // the one that was paused
		compare(t, changesOf(h.plan(example(nil), Options{})), `
pause main/default/blog/web/side
  # changed outside of kuke: it runs, but was paused by kuke: start it with kuke start, or kuke apply --start
`)
		h.at(theSide).StartedAt = at.Add(time.Minute)
		nothingToDo(t, h)
	})
	t.Run("stopped", func(t *testing.T) {
		h := made(t)
		h.operation(Operation{Action: plan.Stop, Paths: []resource.Path{theSide}})
		nothingToDo(t, h)
	})
}

// A start that fails, or never comes, leaves no hold behind: the plan says what is missing.
func TestFailedStartEndsHold(t *testing.T) {
	h := made(t)
	h.operation(Operation{Action: plan.Stop, Paths: []resource.Path{theCell}})
	p := h.plan(Recorded(h.prior, []resource.Path{theCell}), Options{ByHand: true, Start: true, Targets: []resource.Path{theCell}})
	h.applySome(p, 0, nil)
	compare(t, changesOf(h.plan(example(nil), Options{})), `
start main/default/blog/web/web
  # its task is missing
start main/default/blog/web/side
  # its task is missing
`)
	if states := States(h.prior, h.actual); states[theSide].State != plan.StatePending {
		t.Errorf("it is %s", states[theSide].State)
	}
}
