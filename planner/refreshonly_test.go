package planner

import (
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// What was changed outside is taken into the state; then the configuration differs from that just where it does.
func TestAccept(t *testing.T) {
	h := newHost(t)
	desired := example(func(s specs) {
		s[theSpace].(*resource.Space).Resources = &resource.Resources{PIDs: 100}
		container(s, theSide).RestartPolicy = "no"
	})
	h.converge(desired, Options{})
	if p := RefreshOnly(h.prior, h.actual); !p.Empty() || len(p.Unchanged) != 6 {
		t.Fatalf("unchanged host:\n%s", text(p))
	}
	h.kill(theRoot, 1)
	h.kill(theSide, 0)
	h.actual.Cgroups["/kukeon/main/default"] = resource.Resources{PIDs: 77}
	p := RefreshOnly(h.prior, h.actual)
	compare(t, changesOf(p), `
record main/default
  # limits changed outside of kuke: pids 100 → 77
record main/default/blog/web/web
  # changed outside of kuke: it is Failed
`)
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	h.apply(p)
	compare(t, changesOf(h.plan(desired, Options{})), `
update main/default
  resources.pids: 77 -> 100
`)
	delete(h.actual.Namespaces["kukeon-main"].Containers, resource.ContainerID(theSide))
	h.apply(RefreshOnly(h.prior, h.actual))
	if h.prior.Records[theSide] != nil {
		t.Error("a container that is gone is still recorded")
	}
	if p := RefreshOnly(h.prior, h.actual); !p.Empty() {
		t.Errorf("left to record:\n%s", text(p))
	}
}

// Without a look at the host, what is recorded counts: drift isn't seen, the configuration's changes are.
func TestAssume(t *testing.T) {
	h := made(t)
	h.operation(Operation{Action: plan.Pause, Paths: []resource.Path{theSide}})
	h.kill(theRoot, 1)
	h.actual.Cells = nil
	plan.Assume(h.prior, h.actual)
	nothingToDo(t, h)
	compare(t, changesOf(h.plan(example(func(s specs) { s[theCell].(*resource.Cell).Resources = &resource.Resources{PIDs: 5} }), Options{})), `
update main/default/blog/web
  resources.pids: <nil> -> 5
`)
}

// What containerd's restart monitor is about to start was not stopped by anybody.
func TestAcceptRestarting(t *testing.T) {
	h := newHost(t)
	desired := example(func(s specs) { container(s, theSide).RestartPolicy = "always" })
	h.converge(desired, Options{})
	h.kill(theSide, 1)
	if p := RefreshOnly(h.prior, h.actual); !p.Empty() {
		t.Errorf("it records:\n%s", text(p))
	}
	h.at(theSide).RestartPolicy = ""
	compare(t, changesOf(RefreshOnly(h.prior, h.actual)), `
record main/default/blog/web/side
  # changed outside of kuke: it is Failed
`)
}
