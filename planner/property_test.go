package planner

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// applyInAnyOrder carries out some steps of the plan, each when what it waits for is done.
func (h *host) applyInAnyOrder(t *rapid.T, p *plan.Plan, count int) {
	t.Helper()
	h.applySome(p, count, func(free []int) int { return rapid.IntRange(0, len(free)-1).Draw(t, "next step") })
}

// From any configuration to any other, through drift and interruption, in any order that the plan allows, every
// step can be done and one apply is enough; and a destroy leaves nothing.
func TestPlansConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHost(t)
		for i := range rapid.IntRange(1, 3).Draw(t, "configurations") {
			desired := randomTree(t, fmt.Sprint("configuration ", i))
			p := h.plan(desired, Options{})
			if rapid.Bool().Draw(t, "interrupt") {
				h.applyInAnyOrder(t, p, rapid.IntRange(0, len(p.Steps)).Draw(t, "steps before the interruption"))
				p = h.plan(desired, Options{})
			}
			h.applyInAnyOrder(t, p, len(p.Steps))
			h.checkConverged(desired)
			if rapid.IntRange(0, 4).Draw(t, "reboot") == 0 {
				h.reboot()
			} else {
				h.drift(t)
			}
			p = h.plan(desired, Options{})
			h.applyInAnyOrder(t, p, len(p.Steps))
			h.checkConverged(desired)
		}
		p := h.plan(nil, Options{Destroy: true})
		h.applyInAnyOrder(t, p, len(p.Steps))
		h.checkConverged(resource.NewTree())
	})
}

// copyMaps rebuilds every map in another order of insertion, which gives them another order of iteration.
func copyMaps(t *rapid.T, h *host) *host {
	other := newHost(h.TB)
	other.prior.Serial, other.netns, other.local, other.hostNetwork, other.hostVolumes = h.prior.Serial, h.netns, h.local, h.hostNetwork, h.hostVolumes
	for _, p := range rapid.Permutation(h.prior.Paths()).Draw(t, "records") {
		other.prior.Records[p] = h.prior.Records[p]
	}
	for _, name := range rapid.Permutation(slices.Sorted(maps.Keys(h.actual.Namespaces))).Draw(t, "namespaces") {
		ns := *h.actual.Namespaces[name]
		ns.Containers = maps.Clone(ns.Containers)
		other.actual.Namespaces[name] = &ns
	}
	other.actual.Cgroups = maps.Clone(h.actual.Cgroups)
	return other
}

func TestNewIsDeterministic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHost(t)
		h.converge(randomTree(t, "first"), Options{})
		h.drift(t)
		desired := randomTree(t, "second")
		other := resource.NewTree()
		for _, r := range rapid.Permutation(desired.Resources()).Draw(t, "other order") {
			other.Add(r)
		}
		before := asJSON(t, h.prior)
		first := asJSON(t, h.plan(desired, Options{}))
		for range 3 {
			if again := asJSON(t, copyMaps(t, h).plan(other, Options{})); again != first {
				t.Fatalf("first\n%s\nthen\n%s", first, again)
			}
		}
		if asJSON(t, h.prior) != before {
			t.Fatal("New changed the prior state")
		}
	})
}

// A plan lists parents before what is below them, each resource once, and its steps in an order in which they
// can be carried out.
func TestPlanIsWellFormed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHost(t)
		h.converge(randomTree(t, "first"), Options{})
		h.drift(t)
		p := h.plan(randomTree(t, "second"), Options{})
		seen := map[resource.Path]bool{}
		for _, c := range p.Changes {
			for below := range seen {
				if c.Path.Contains(below) {
					t.Fatalf("%s stands behind %s", c.Path, below)
				}
			}
			seen[c.Path] = true
			if (c.Before == nil) != (c.Action == plan.Create && h.prior.Records[c.Path] == nil || c.Action == plan.Adopt) || (c.After == nil) != (c.Action == plan.Delete) {
				t.Fatalf("%s %s: before %v, after %v", c.Action, c.Path, c.Before, c.After)
			}
			if c.Action != plan.Create && len(c.Reasons) == 0 && len(c.Diffs) == 0 && !seen[c.Path.Parent()] {
				t.Fatalf("no reason to %s %s", c.Action, c.Path)
			}
		}
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}

// Targets narrow a plan: what is not needed for them, and not brought along by them, stays as it is; and the
// plan can still be carried out.
func TestTargetedPlansCanBeCarriedOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHost(t)
		h.converge(randomTree(t, "first"), Options{})
		h.drift(t)
		desired := randomTree(t, "second")
		destroy := rapid.Bool().Draw(t, "destroy")
		var paths []resource.Path
		for _, r := range desired.Resources() {
			paths = append(paths, r.Path)
		}
		if destroy {
			paths = nil
		}
		paths = append(paths, h.prior.Paths()...)
		if len(paths) == 0 {
			t.Skip()
		}
		target := rapid.SampledFrom(paths).Draw(t, "target")
		opts := Options{Destroy: destroy, Targets: []resource.Path{target}}
		p, diags := h.new(desired, opts)
		if slices.ContainsFunc(diags, func(d resource.Diagnostic) bool {
			return d.Summary == "Space is in use" || d.Summary == "Volume in use"
		}) {
			return // by a cell or a container that is not looked at
		}
		if diags.HasErrors() {
			t.Fatalf("no plan: %v", diags)
		}
		for _, c := range p.Changes {
			if c.Action == plan.Delete && !target.Contains(c.Path) && !broughtAlong(p, c.Path) {
				t.Fatalf("%s is deleted for target %s\n%s", c.Path, target, text(p))
			}
		}
		h.applyInAnyOrder(t, p, len(p.Steps))
		if h.prior.Records[target] == nil && (destroy || desired.Resource(target) == nil) {
			return
		}
		if left := h.plan(desired, opts); !left.Empty() {
			t.Fatalf("after the apply of\n%s\nthere is still to do:\n%s", text(p), text(left))
		}
	})
}

// Whatever else changes, what is to be replaced is made anew, once, and only what lives on it with it.
func TestReplacementsCanBeCarriedOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHost(t)
		h.converge(randomTree(t, "first"), Options{})
		h.drift(t)
		desired := randomTree(t, "second")
		var paths []resource.Path
		for _, r := range desired.Resources() {
			if r.Path.Kind() == resource.KindContainer {
				paths = append(paths, r.Path)
			}
		}
		if len(paths) == 0 {
			t.Skip()
		}
		asked := rapid.SampledFrom(paths).Draw(t, "replace")
		for range rapid.IntRange(0, 2).Draw(t, "levels up") {
			asked = asked.Parent()
		}
		without := h.plan(desired, Options{}).ChangesByPath()
		p := h.plan(desired, Options{Replace: []resource.Path{asked}})
		changes := p.ChangesByPath()
		for _, path := range paths {
			if c := changes[path]; asked.Contains(path) && (c == nil || c.Action != plan.Replace && c.Action != plan.Create) {
				t.Fatalf("%s stays\n%s", path, text(p))
			}
		}
		for path, c := range changes {
			if path.Kind() != resource.KindContainer || asked.Contains(path) || broughtAlong(p, path) {
				continue
			}
			if w := without[path]; w == nil || w.Action != c.Action {
				t.Fatalf("%s changes otherwise\n%s", path, text(p))
			}
		}
		h.applyInAnyOrder(t, p, len(p.Steps))
		h.checkConverged(desired)
	})
}

// broughtAlong reports whether another change takes the ground from under p: that of its realm or of its cell's
// root container.
func broughtAlong(p *plan.Plan, path resource.Path) bool {
	return slices.ContainsFunc(p.Changes, func(c *plan.Change) bool {
		root := false
		for _, r := range []*state.Record{c.Before, c.After} {
			if r != nil && path.Kind() == resource.KindContainer && c.Path.Parent() == path.Parent() {
				root = root || r.Spec.(*resource.Container).Root
			}
		}
		return c.Path != path && (c.Action == plan.Replace && c.Path == path.Realm() || root && (c.Action != plan.Update || c.Start))
	})
}

func TestPlanOutlivesItsFile(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		h := newHost(t)
		h.converge(randomTree(t, "first"), Options{})
		h.drift(t)
		p := h.plan(randomTree(t, "second"), Options{Destroy: rapid.Bool().Draw(t, "destroy")})
		file := dir + "/plan"
		if err := p.Save(file); err != nil {
			t.Fatal(err)
		}
		loaded, _, err := plan.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(p, loaded) {
			t.Fatalf("saved\n%s\nloaded\n%s", asJSON(t, p), asJSON(t, loaded))
		}
		if err := loaded.CheckFresh(h.prior); err != nil {
			t.Fatal(err)
		}
		h.refresh(loaded.Wants())
		if err := CheckHost(loaded, h.prior, h.actual); err != nil {
			t.Fatal(err)
		}
		h.prior.Records["new"] = &state.Record{Path: "new", Spec: &resource.Realm{}}
		if loaded.CheckFresh(h.prior) == nil {
			t.Fatal("the plan holds for another state")
		}
	})
}
