package planner

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// cpusOn gives each of the paths that many processors, none for 0.
func cpusOn(cpus map[resource.Path]float64) func(specs) {
	return func(s specs) {
		for p, n := range cpus {
			*commonOf(s[p]) = resource.Common{Resources: &resource.Resources{CPUs: n}}
		}
	}
}

func commonOf(s resource.Spec) *resource.Common {
	switch s := s.(type) {
	case *resource.Realm:
		return &s.Common
	case *resource.Space:
		return &s.Common
	case *resource.Stack:
		return &s.Common
	case *resource.Cell:
		return &s.Common
	case *resource.Container:
		return &s.Common
	}
	panic("no such spec")
}

// cgroup v1 lets no cgroup have more processors than those above it, at no moment: whatever is lowered is lowered from
// the bottom up, in any order that the plan allows.
func TestProcessorsAreLoweredFromBelow(t *testing.T) {
	paths := []resource.Path{theRealm, theSpace, theStack, theCell, theRoot, theSide}
	rapid.Check(t, func(t *rapid.T) {
		h := newHost(t)
		h.actual.CgroupMode = plan.CgroupV1
		for round := range 3 {
			cpus := map[resource.Path]float64{}
			for _, p := range paths {
				most := 4.0
				for above := p.Parent(); above != ""; above = above.Parent() {
					if cpus[above] != 0 {
						most = min(most, cpus[above])
					}
				}
				choices := []float64{0}
				for _, n := range []float64{0.5, 1, 2, 4} {
					if n <= most {
						choices = append(choices, n)
					}
				}
				cpus[p] = rapid.SampledFrom(choices).Draw(t, fmt.Sprint(round, p))
			}
			desired := example(cpusOn(cpus))
			p := h.plan(desired, Options{})
			h.applyInAnyOrder(t, p, len(p.Steps))
			if left := h.plan(desired, Options{}); !left.Empty() {
				t.Fatalf("left to do:\n%s", text(left))
			}
		}
	})
}

func TestMoreProcessorsThanAbove(t *testing.T) {
	for mode, refused := range map[string]bool{plan.CgroupV1: true, "v2": false} {
		h := newHost(t)
		h.actual.CgroupMode = mode
		_, diags := h.new(example(cpusOn(map[resource.Path]float64{theSpace: 1, theSide: 2})), Options{})
		if got := diags.HasErrors() && strings.Contains(diags.Error(), "sets cpus to 2, but space main/default"); got != refused {
			t.Errorf("%s: refused %v: %v", mode, got, diags)
		}
	}
}

func TestSetsOfTheHost(t *testing.T) {
	for _, tc := range []struct {
		mode, at string
		limits   resource.Resources
		want     string
	}{
		{"v2", string(theSpace), resource.Resources{CPUSet: "0-1"}, ""},
		{"v2", string(theSpace), resource.Resources{CPUSet: "1-3,9"}, "there is no 2-3,9. Name others"},
		{"v2", string(theSide), resource.Resources{CPUSetMems: "1"}, "of the memory nodes of this host, which are 0, there is no 1"},
		{plan.CgroupV1, string(theSpace), resource.Resources{CPUSet: "0"}, "with cgroup v1 only containers can have it"},
		{plan.CgroupV1, string(theSide), resource.Resources{CPUSet: "0", CPUSetMems: "0"}, ""},
		{"v2", string(theSide), resource.Resources{Memory: 1 << 20, MemoryReservation: 2 << 20}, "can't be more than the limit of memory"},
	} {
		h := newHost(t)
		h.actual.CgroupMode, h.actual.CPUSet, h.actual.CPUSetMems = tc.mode, "0-1", "0"
		_, diags := h.new(example(func(s specs) {
			s[resource.Path(tc.at)] = resource.WithResources(s[resource.Path(tc.at)], &tc.limits)
		}), Options{})
		if tc.want == "" && diags.HasErrors() || tc.want != "" && !strings.Contains(diags.Error(), tc.want) {
			t.Errorf("%s %s %+v: %v, want %q", tc.mode, tc.at, tc.limits, diags, tc.want)
		}
	}
}

// What the host can't give a container is told with the attribute, and only for containers that are made.
func TestFlawsOfTheHost(t *testing.T) {
	h := newHost(t)
	h.actual.HostFlaws = map[resource.Path][]plan.Flaw{theSide: {{Attribute: "ulimits", Summary: "Limit is too high", Text: "asks for too much."}}}
	if _, diags := h.new(example(func(specs) {}), Options{}); !strings.Contains(diags.Error(), "container "+string(theSide)+" asks for too much.") {
		t.Errorf("taken: %v", diags)
	}
	h.actual.HostFlaws = nil
	h.converge(example(func(specs) {}), Options{})
	h.actual.HostFlaws = map[resource.Path][]plan.Flaw{theSide: {{Attribute: "ulimits", Summary: "Limit is too high", Text: "asks for too much."}}}
	if p, diags := h.new(example(func(specs) {}), Options{}); diags.HasErrors() || !p.Empty() {
		t.Errorf("a container that stays is refused: %v", diags)
	}
}
