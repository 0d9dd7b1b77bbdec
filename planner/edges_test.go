package planner

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// closure returns all that each resource depends on, directly or not.
func closure(edges []resource.Edge) map[resource.Path]map[resource.Path]bool {
	direct := map[resource.Path][]resource.Path{}
	for _, d := range edges {
		direct[d.Path] = append(direct[d.Path], d.On)
	}
	all := map[resource.Path]map[resource.Path]bool{}
	for p := range direct {
		found := map[resource.Path]bool{}
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
		var byPlan []resource.Edge
		made := map[resource.Path]bool{}
		for _, s := range p.Steps {
			made[s.Path] = made[s.Path] || s.Op == plan.OpCreate
			for _, i := range s.After {
				if on := p.Steps[i]; s.Path != on.Path && s.Path != "" && on.Path != "" {
					byPlan = append(byPlan, resource.Edge{Path: s.Path, On: on.Path})
				}
			}
		}
		declared := desired.Edges()
		stated := slices.Clone(declared)
		for _, d := range declared {
			if d.Path.Kind() != resource.KindCell || d.On.Kind() != resource.KindCell {
				continue
			}
			for _, r := range desired.Resources() {
				for _, other := range desired.Resources() {
					if r.Path.Parent() == d.Path && other.Path.Parent() == d.On {
						stated = append(stated, resource.Edge{Path: r.Path, On: other.Path})
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
		s["main/other"] = &resource.Space{}
		s["main/default/blog/db"] = &resource.Cell{DependsOn: []resource.CellDependency{{Name: "main/far/away/cell", Condition: resource.Completed}}}
		container(s, theRoot).Networks = []string{"other"}
		container(s, theSide).Networks = []string{"other"}
		container(s, theSide).DependsOn = []resource.Dependency{{Name: "web", Condition: resource.Healthy}}
	})
	desired.Resource(theCell).References = []resource.Path{"main/default/blog/db"}
	edge := func(p, on resource.Path, why string, condition resource.Condition) resource.Edge {
		return resource.Edge{Path: p, On: on, Why: why, Condition: condition}
	}
	want := []resource.Edge{
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
