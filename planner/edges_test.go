package planner

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/realm"
)

// closure returns all that each resource depends on, directly or not.
func closure(edges []realm.Edge) map[realm.Path]map[realm.Path]bool {
	direct := map[realm.Path][]realm.Path{}
	for _, d := range edges {
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
func TestEdgesAreThoseOfThePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		desired := randomTree(t, "configuration")
		p := newHost(t).plan(desired, Options{})
		var byPlan []realm.Edge
		made := map[realm.Path]bool{}
		for _, s := range p.Steps {
			made[s.Path] = made[s.Path] || s.Op == OpCreate
			for _, i := range s.After {
				if on := p.Steps[i]; s.Path != on.Path && s.Path != "" && on.Path != "" {
					byPlan = append(byPlan, realm.Edge{Path: s.Path, On: on.Path})
				}
			}
		}
		declared := desired.Edges()
		stated := slices.Clone(declared)
		for _, d := range declared {
			if d.Path.Kind() != realm.KindCell || d.On.Kind() != realm.KindCell {
				continue
			}
			for _, r := range desired.Resources() {
				for _, other := range desired.Resources() {
					if r.Path.Parent() == d.Path && other.Path.Parent() == d.On {
						stated = append(stated, realm.Edge{Path: r.Path, On: other.Path})
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

func TestEdges(t *testing.T) {
	desired := example(func(s specs) {
		s["main/other"] = &realm.Space{}
		s["main/default/blog/db"] = &realm.Cell{DependsOn: []realm.CellDependency{{Name: "main/far/away/cell", Condition: realm.Completed}}}
		container(s, theRoot).Networks = []string{"other"}
		container(s, theSide).Networks = []string{"other"}
		container(s, theSide).DependsOn = []realm.Dependency{{Name: "web", Condition: realm.Healthy}}
	})
	desired.Resource(theCell).References = []realm.Path{"main/default/blog/db"}
	edge := func(p, on realm.Path, why string, condition realm.Condition) realm.Edge {
		return realm.Edge{Path: p, On: on, Why: why, Condition: condition}
	}
	want := []realm.Edge{
		edge("main/default", "main", "", ""),
		edge("main/default/blog", "main/default", "", ""),
		edge("main/default/blog/db", "main/default/blog", "", ""),
		edge("main/default/blog/db", "main/far/away/cell", "depends_on", "completed"),
		edge("main/far/away/cell", "main/far/away", "", ""),
		edge("main/far/away", "main/far", "", ""),
		edge("main/far", "main", "", ""),
		edge("main/default/blog/web", "main/default/blog", "", ""),
		edge("main/default/blog/web", "main/default/blog/db", "reference", ""),
		edge("main/default/blog/web/side", "main/default/blog/web", "", ""),
		edge("main/default/blog/web/side", "main/default/blog/web/web", "root", ""),
		edge("main/default/blog/web/side", "main/default/blog/web/web", "depends_on", "healthy"),
		edge("main/default/blog/web", "main/other", "networks", ""),
		edge("main/default/blog/web/web", "main/default/blog/web", "", ""),
		edge("main/other", "main", "", ""),
	}
	if got := desired.Edges(); !slices.Equal(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}
