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
