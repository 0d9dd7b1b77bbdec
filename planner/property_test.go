package planner

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sort"
	"testing"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/planner/state"
)

// randomTree draws a configuration out of few names, so that two of them have much in common.
func randomTree(t *rapid.T, label string) *realm.Tree {
	tree := realm.NewTree()
	chance := func(what string, p realm.Path) bool {
		return rapid.IntRange(0, 3).Draw(t, fmt.Sprintf("%s: %s %s", label, what, p)) > 0
	}
	add := func(p realm.Path, spec realm.Spec) {
		tree.Add(&realm.Resource{Path: p, Spec: spec, Declared: realm.Range{File: label}})
	}
	for _, name := range []realm.Path{"r", "r-2"} {
		// A configuration without any realm says nothing about realms: r is always there.
		if name != "r" && !chance("has", name) {
			continue
		}
		spec := randomSpec(t, realm.KindRealm).(*realm.Realm)
		spec.Namespace = rapid.SampledFrom([]string{"", "", "ns-" + string(name)}).Draw(t, "namespace")
		add(name, spec)
		for _, p := range []realm.Path{name + "/s", name + "/s/k", name + "/s/k/c", name + "/s/k/c-1"} {
			if tree.Resource(p.Parent()) == nil || !chance("has", p) {
				continue
			}
			add(p, randomSpec(t, p.Kind()))
			if p.Kind() == realm.KindCell {
				randomCell(t, p, add)
			}
		}
	}
	return tree
}

func randomCell(t *rapid.T, cell realm.Path, add func(realm.Path, realm.Spec)) {
	names := rapid.Permutation([]string{"a", "b", "c-d", "d"}).Draw(t, "names")
	names = names[:rapid.IntRange(0, len(names)).Draw(t, "containers")]
	for i, name := range names { // the first is the root, each may depend on those before it
		spec := randomSpec(t, realm.KindContainer).(*realm.Container)
		spec.Root, spec.DependsOn = i == 0, nil
		spec.Image = rapid.SampledFrom([]string{"x:1", "x:2", "y:1"}).Draw(t, "image")
		for _, other := range names[:i] {
			if rapid.Bool().Draw(t, "depends") {
				spec.DependsOn = append(spec.DependsOn, other)
			}
		}
		sort.Strings(spec.DependsOn)
		add(cell.Join(name), spec)
	}
}

// randomSpec draws a spec with a few of the attributes that this version can carry out.
func randomSpec(t *rapid.T, k realm.Kind) realm.Spec {
	s := realm.NewSpec(k)
	attrs := slices.DeleteFunc(slices.Clone(k.Attributes()), func(a *realm.Attribute) bool { return a.Later })
	for _, a := range rapid.SliceOfN(rapid.SampledFrom(attrs), 0, 2).Draw(t, "attributes") {
		setRandom(t, a, a.Field(reflect.ValueOf(s)))
	}
	return s
}

func setRandom(t *rapid.T, a *realm.Attribute, v reflect.Value) {
	word := rapid.SampledFrom([]string{"p", "q"})
	words := rapid.SampledFrom([][]string{{"p"}, {"q"}, {"p", "q"}})
	number := rapid.Int64Range(1, 2)
	switch a.Type {
	case realm.TypeString:
		v.SetString(word.Draw(t, a.Name))
	case realm.TypeBool:
		v.SetBool(rapid.Bool().Draw(t, a.Name))
	case realm.TypeFloat:
		v.SetFloat(rapid.SampledFrom([]float64{0.5, 2}).Draw(t, a.Name))
	case realm.TypeInt, realm.TypeBytes:
		n := number.Draw(t, a.Name)
		if v.Kind() == reflect.Pointer {
			v.Set(reflect.ValueOf(&n))
		} else {
			v.SetInt(n)
		}
	case realm.TypeList, realm.TypeSet:
		v.Set(reflect.ValueOf(slices.Clone(words.Draw(t, a.Name))))
	case realm.TypeMap, realm.TypePairs:
		v.Set(reflect.ValueOf(map[string]string{word.Draw(t, "key"): word.Draw(t, "value")}).Convert(v.Type()))
	case realm.TypeObject:
		object := reflect.New(v.Type().Elem())
		f := rapid.SampledFrom(a.Fields).Draw(t, a.Name)
		setRandom(t, f, f.Field(object))
		v.Set(object)
	case realm.TypeObjects:
		v.SetZero()
		for _, key := range words.Draw(t, a.Name) {
			element := reflect.New(v.Type().Elem()).Elem()
			for _, f := range a.Fields {
				setRandom(t, f, f.Field(element))
			}
			realm.FindAttribute(a.Fields, a.Key).Field(element).SetString(key)
			v.Set(reflect.Append(v, element))
		}
	default:
		t.Fatalf("no random value for type %s", a.Type)
	}
}

// drift does to the host what kuke didn't.
func (h *host) drift(t *rapid.T) {
	for _, p := range h.prior.Paths() {
		r := h.prior.Records[p]
		c := h.actual.container(r.Status.Namespace, r.Status.ContainerID)
		switch rapid.IntRange(0, 12).Draw(t, "drift of "+string(p)) {
		case 0:
			if p.Kind() == realm.KindRealm {
				delete(h.actual.Namespaces, r.Status.Namespace)
				maps.DeleteFunc(h.local, func(k ImageKey, _ bool) bool { return k.Namespace == r.Status.Namespace })
			} else if c != nil {
				delete(h.actual.Namespaces[r.Status.Namespace].Containers, c.ID)
			}
		case 1:
			h.actual.Cgroups[r.Status.Cgroup] = realm.Resources{Memory: 77}
		case 2:
			if p.Kind() != realm.KindContainer {
				delete(h.actual.Cgroups, r.Status.Cgroup)
			}
		case 3:
			if c != nil {
				c.Status, c.NetNS = rapid.SampledFrom([]TaskStatus{TaskNone, TaskCreated, TaskStopped, TaskUnknown}).Draw(t, "status"), 0
			}
		case 4:
			if c != nil && c.NetNS != 0 && !r.Spec.(*realm.Container).Root {
				h.netns++
				c.NetNS = h.netns
			}
		case 5:
			if c != nil {
				c.Labels = map[string]string{LabelPath: string(p), LabelSpecDigest: "other"}
			}
		case 6: // a manifest was lost, or a crash came between making and recording
			if c != nil {
				delete(h.prior.Records, p)
			}
		}
	}
}

// applyInAnyOrder carries out some steps of the plan, each when what it waits for is done.
func (h *host) applyInAnyOrder(t *rapid.T, p *Plan, count int) {
	t.Helper()
	h.applySome(p, count, func(free []int) int { return rapid.IntRange(0, len(free)-1).Draw(t, "next step") })
}

// checkConverged makes sure that the records are those desired and that nothing more is on the host.
func (h *host) checkConverged(desired *realm.Tree) {
	h.Helper()
	if left := h.plan(desired, Options{}); !left.Empty() || len(left.Steps) > 0 {
		h.Fatalf("there is still to do:\n%s", text(left))
	}
	containers, realms := 0, 0
	for _, r := range desired.Resources() {
		record := h.prior.Records[r.Path]
		if record == nil || !reflect.DeepEqual(record.Spec, r.Spec) {
			h.Fatalf("%s is recorded as %+v", r.Path, record)
		}
		switch r.Path.Kind() {
		case realm.KindContainer:
			containers++
			c := h.actual.container(record.Status.Namespace, record.Status.ContainerID)
			if c == nil || c.Status != TaskRunning || c.NetNS != h.rootNetNS(r.Path.Parent()) {
				h.Fatalf("%s is %+v", r.Path, c)
			}
		case realm.KindRealm:
			realms++
		}
	}
	for _, ns := range h.actual.Namespaces {
		containers -= len(ns.Containers)
	}
	if n := desired.Len(); len(h.prior.Records) != n || len(h.actual.Cgroups) != n || len(h.actual.Namespaces) != realms || containers != 0 {
		h.Fatalf("%d desired: %d records, cgroups %v, namespaces %v", n, len(h.prior.Records), slices.Sorted(maps.Keys(h.actual.Cgroups)), h.actual.Namespaces)
	}
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
			h.drift(t)
			p = h.plan(desired, Options{})
			h.applyInAnyOrder(t, p, len(p.Steps))
			h.checkConverged(desired)
		}
		p := h.plan(nil, Options{Destroy: true})
		h.applyInAnyOrder(t, p, len(p.Steps))
		h.checkConverged(realm.NewTree())
	})
}

// copyMaps rebuilds every map in another order of insertion, which gives them another order of iteration.
func copyMaps(t *rapid.T, h *host) *host {
	other := newHost(h.TB)
	other.prior.Serial, other.netns, other.local = h.prior.Serial, h.netns, h.local
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
		other := realm.NewTree()
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
		seen := map[realm.Path]bool{}
		for _, c := range p.Changes {
			for below := range seen {
				if c.Path.Contains(below) {
					t.Fatalf("%s stands behind %s", c.Path, below)
				}
			}
			seen[c.Path] = true
			if (c.Before == nil) != (c.Action == Create && h.prior.Records[c.Path] == nil || c.Action == Adopt) || (c.After == nil) != (c.Action == Delete) {
				t.Fatalf("%s %s: before %v, after %v", c.Action, c.Path, c.Before, c.After)
			}
			if c.Action != Create && len(c.Reasons) == 0 && len(c.Diffs) == 0 && !seen[c.Path.Parent()] {
				t.Fatalf("no reason to %s %s", c.Action, c.Path)
			}
		}
		if err := p.check(); err != nil {
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
		var paths []realm.Path
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
		opts := Options{Destroy: destroy, Targets: []realm.Path{target}}
		p := h.plan(desired, opts)
		for _, c := range p.Changes {
			if c.Action == Delete && !target.Contains(c.Path) && !broughtAlong(p, c.Path) {
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

// broughtAlong reports whether another change takes the ground from under p: that of its realm or of its cell's
// root container.
func broughtAlong(p *Plan, path realm.Path) bool {
	return slices.ContainsFunc(p.Changes, func(c *Change) bool {
		root := false
		for _, r := range []*state.Record{c.Before, c.After} {
			if r != nil && path.Kind() == realm.KindContainer && c.Path.Parent() == path.Parent() {
				root = root || r.Spec.(*realm.Container).Root
			}
		}
		return c.Path != path && (c.Action == Replace && c.Path == path.Realm() || root && (c.Action != Update || c.Start))
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
		loaded, err := LoadPlan(file)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(p, loaded) {
			t.Fatalf("saved\n%s\nloaded\n%s", asJSON(t, p), asJSON(t, loaded))
		}
		if err := loaded.CheckFresh(h.prior); err != nil {
			t.Fatal(err)
		}
		h.prior.Records["new"] = &state.Record{Path: "new", Spec: &realm.Realm{}}
		if loaded.CheckFresh(h.prior) == nil {
			t.Fatal("the plan holds for another state")
		}
	})
}
