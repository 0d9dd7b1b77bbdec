package planner

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/realm"
)

// closure returns all that each resource depends on, directly or not.
func closure(dependencies []Dependency) map[realm.Path]map[realm.Path]bool {
	direct := map[realm.Path][]realm.Path{}
	for _, d := range dependencies {
		direct[d.Path] = append(direct[d.Path], d.On)
	}
	all := map[realm.Path]map[realm.Path]bool{}
	for p := range direct {
		found := map[realm.Path]bool{}
		for todo := slices.Clone(direct[p]); len(todo) > 0; todo = todo[1:] {
			if !found[todo[0]] {
				found[todo[0]] = true
				todo = append(todo, direct[todo[0]]...)
			}
		}
		all[p] = found
	}
	return all
}

// The steps of the first apply wait for each other just as the dependencies say, and as what these stand for: a cell that
// depends on another one depends on its containers.
func TestDependenciesAreThoseOfThePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		desired := randomTree(t, "configuration")
		p := newHost(t).plan(desired, Options{})
		var byPlan []Dependency
		made := map[realm.Path]bool{}
		for _, s := range p.Steps {
			made[s.Path] = made[s.Path] || s.Op == OpCreate
			for _, i := range s.After {
				if on := p.Steps[i]; s.Path != on.Path && s.Path != "" && on.Path != "" {
					byPlan = append(byPlan, Dependency{Path: s.Path, On: on.Path})
				}
			}
		}
		declared := Dependencies(desired)
		stated := slices.Clone(declared)
		for _, d := range declared {
			if d.Path.Kind() != realm.KindCell || d.On.Kind() != realm.KindCell {
				continue
			}
			for _, r := range desired.Resources() {
				for _, other := range desired.Resources() {
					if r.Path.Parent() == d.Path && other.Path.Parent() == d.On {
						stated = append(stated, Dependency{Path: r.Path, On: other.Path})
					}
				}
			}
		}
		planned, wanted := closure(byPlan), closure(stated)
		for path := range made {
			for on := range made {
				if planned[path][on] != wanted[path][on] {
					t.Fatalf("%s after %s: planned %v, declared %v\n%s", path, on, planned[path][on], wanted[path][on], text(p))
				}
			}
		}
	})
}

func TestDependencies(t *testing.T) {
	desired := example(func(s specs) {
		s["main/other"] = &realm.Space{}
		s["main/default/blog/db"] = &realm.Cell{DependsOn: []realm.CellDependency{{Name: "main/far/away/cell", Condition: realm.Completed}}}
		container(s, theRoot).Networks = []string{"other"}
		container(s, theSide).Networks = []string{"other"}
		container(s, theSide).DependsOn = []realm.Dependency{{Name: "web", Condition: realm.Healthy}}
	})
	desired.Resource(theCell).References = []realm.Path{"main/default/blog/db"}
	want := []Dependency{
		{"main/default", "main", "", ""},
		{"main/default/blog", "main/default", "", ""},
		{"main/default/blog/db", "main/default/blog", "", ""},
		{"main/default/blog/db", "main/far/away/cell", "depends_on", "completed"},
		{"main/far/away/cell", "main/far/away", "", ""},
		{"main/far/away", "main/far", "", ""},
		{"main/far", "main", "", ""},
		{"main/default/blog/web", "main/default/blog", "", ""},
		{"main/default/blog/web", "main/default/blog/db", "reference", ""},
		{"main/default/blog/web/side", "main/default/blog/web", "", ""},
		{"main/default/blog/web/side", "main/default/blog/web/web", "root", ""},
		{"main/default/blog/web/side", "main/default/blog/web/web", "depends_on", "healthy"},
		{"main/default/blog/web", "main/other", "networks", ""},
		{"main/default/blog/web/web", "main/default/blog/web", "", ""},
		{"main/other", "main", "", ""},
	}
	if got := Dependencies(desired); !slices.Equal(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}
