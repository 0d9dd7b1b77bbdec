package planner

import (
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

// withMemory limits the memory of a container and its cell.
func withMemory(s specs) {
	s[theCell].(*resource.Cell).Resources = &resource.Resources{Memory: 1 << 22}
	container(s, theSide).Resources = &resource.Resources{Memory: 1 << 20, PIDs: 5}
}

// What was applied by a kuke that left swap alone gets its bound in one update, and then there is nothing to do.
func TestSwapOfOldRecords(t *testing.T) {
	h := newHost(t)
	desired := example(withMemory)
	h.converge(desired, Options{})
	for _, p := range []resource.Path{theCell, theSide} {
		r := h.prior.Records[p]
		limits := *r.Status.Limits
		limits.MemorySwap = resource.Unlimited
		h.actual.Cgroups[r.Status.Cgroup] = limits
		limits.MemorySwap = 0
		r.Status.Limits = &limits
	}
	if p := RefreshOnly(h.prior, h.actual); !p.Empty() {
		t.Errorf("to be taken into the state:\n%s", text(p))
	}
	p := h.plan(desired, Options{})
	compare(t, changesOf(p), `
update main/default/blog/web
  # its memory limit does not bound swap yet
update main/default/blog/web/side
  # its memory limit does not bound swap yet
`)
	h.apply(p)
	if left := h.plan(desired, Options{}); !left.Empty() {
		t.Errorf("left to do:\n%s", text(left))
	}
}

// So it is where the kernel accounts for swap only since the host was booted again, and the other way round.
func TestSwapAccountingChanges(t *testing.T) {
	h := newHost(t)
	delete(h.actual.Controllers, "swap")
	desired := example(withMemory)
	h.converge(desired, Options{})
	cgroup := h.prior.Records[theCell].Status.Cgroup
	if got := h.actual.Cgroups[cgroup]; got != (resource.Resources{Memory: 1 << 22}) {
		t.Fatalf("limits %+v", got)
	}
	for _, accounts := range []bool{true, false} {
		h.actual.Controllers["swap"] = accounts
		for _, p := range []resource.Path{theCell, theSide} {
			r := h.prior.Records[p]
			limits := *r.Status.Limits
			if limits.MemorySwap = 0; accounts {
				limits.MemorySwap = resource.Unlimited
			}
			h.actual.Cgroups[r.Status.Cgroup] = limits
		}
		p := h.plan(desired, Options{})
		if len(p.Changes) != 2 {
			t.Errorf("accounted for %v:\n%s", accounts, text(p))
		}
		h.apply(p)
		if left := h.plan(desired, Options{}); !left.Empty() {
			t.Errorf("accounted for %v, left to do:\n%s", accounts, text(left))
		}
	}
}

// To take limits as they are into the state does not turn the default into something that the configuration lacks.
func TestAcceptKeepsTheDefaultOfSwap(t *testing.T) {
	h := newHost(t)
	desired := example(withMemory)
	h.converge(desired, Options{})
	r := h.prior.Records[theSide]
	limits := *r.Status.Limits
	limits.PIDs = 77
	h.actual.Cgroups[r.Status.Cgroup] = limits
	h.apply(RefreshOnly(h.prior, h.actual))
	compare(t, changesOf(h.plan(desired, Options{})), `
update main/default/blog/web/side
  resources.pids: 77 -> 5
`)
}
