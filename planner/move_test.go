package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// richExample is the example with ports and limits, and a second cell that depends on it and is attached to its space.
func richExample() specs {
	return specs{
		theRealm: &resource.Realm{}, theSpace: &resource.Space{}, theStack: &resource.Stack{}, theCell: &resource.Cell{},
		theRoot:      &resource.Container{Root: true, Image: "web:1", Ports: []string{"8080:80"}, NetworksAliases: []string{"site"}},
		theSide:      &resource.Container{Image: "side:1", DependsOn: []resource.Dependency{{Name: "web"}}},
		"main/other": &resource.Space{}, "main/other/x": &resource.Stack{},
		"main/other/x/db":    &resource.Cell{DependsOn: []resource.CellDependency{{Name: string(theCell)}}},
		"main/other/x/db/db": &resource.Container{Root: true, Image: "db:1", Networks: []string{"default"}},
	}
}

// renamed returns the specs as they are when what is at the keys of moves is at their values.
func renamed(t rapid.TB, s specs, moves map[resource.Path]resource.Path) specs {
	t.Helper()
	st := &state.State{Records: map[resource.Path]*state.Record{}}
	for p, spec := range s {
		st.Records[p] = &state.Record{Path: p, Spec: spec, Status: state.Status{Cgroup: string(p)}}
	}
	made, refused := st.Rename(moves)
	if len(refused) > 0 {
		t.Fatal(refused[0].Err)
	}
	st.Renamed(made)
	after := specs{}
	for p, r := range st.Records {
		after[p] = r.Spec
	}
	return after
}

func movesTo(moves map[resource.Path]resource.Path) Options {
	var o Options
	for _, from := range slices.Sorted(maps.Keys(moves)) {
		o.Moves = append(o.Moves, plan.Move{From: from, To: moves[from]})
	}
	return o
}

// Whatever is moved, nothing but that is planned, and nothing of the host changes.
func TestMovesChangeNothing(t *testing.T) {
	for _, moves := range []map[resource.Path]resource.Path{
		{theRoot: theCell + "/front"},
		{theCell: theStack + "/site"},
		{theStack: theSpace + "/journal"},
		{theSpace: "main/public"},
		{theSpace: "main/mid", "main/mid": "main/public", "main/public/blog/web": "main/public/blog/site", theSide: theCell + "/aside"},
	} {
		h := newHost(t)
		before := richExample()
		h.converge(tree(before), Options{})
		desired := tree(renamed(t, before, moves))
		p := h.plan(desired, movesTo(moves))
		if len(p.Changes) != 0 || len(p.Steps) != 0 || len(p.Moves) == 0 {
			t.Errorf("%v: %s %v", moves, text(p), p.Moves)
		}
		if err := p.CheckFresh(h.prior); err != nil {
			t.Error(err)
		}
		if err := CheckHost(p, h.prior, h.actual); err != nil {
			t.Error(err)
		}
		ids := state.RecordedIDs(h.prior)
		h.converge(desired, movesTo(moves))
		if left := h.plan(desired, Options{}); !left.Empty() {
			t.Errorf("%v: without the blocks:\n%s", moves, text(left))
		}
		if now := state.RecordedIDs(h.prior); !maps.Equal(ids, now) {
			t.Errorf("%v: %v, not %v", moves, now, ids)
		}
		// What is made anew gets the names of its new path, and all of it can be destroyed.
		h.apply(h.plan(desired, Options{Replace: []resource.Path{theRealm}}))
		if left := h.plan(desired, Options{}); !left.Empty() {
			t.Errorf("%v: made anew: %s", moves, text(left))
		}
		h.converge(nil, Options{Destroy: true})
		if len(h.prior.Records) > 0 {
			t.Errorf("%v: left %v", moves, h.prior.Paths())
		}
	}
}

// A new resource where another was moved from has names of its own on the host.
func TestNewWhereSomethingWasMovedFrom(t *testing.T) {
	for _, from := range []resource.Path{theSide, theCell, theStack, theSpace} {
		h := newHost(t)
		before := specs{
			theRealm: &resource.Realm{}, theSpace: &resource.Space{}, theStack: &resource.Stack{}, theCell: &resource.Cell{},
			theRoot: &resource.Container{Root: true, Image: "web:1"}, theSide: &resource.Container{Image: "side:1"},
		}
		h.converge(tree(before), Options{})
		moves := map[resource.Path]resource.Path{from: from.Parent().Join("moved")}
		both := renamed(t, before, moves)
		h.converge(tree(both), movesTo(moves))
		maps.Copy(both, before)
		p := h.converge(tree(both), Options{})
		for _, c := range p.Changes {
			if c.Action != plan.Create {
				t.Errorf("%s: %s", from, text(p))
			}
		}
		names := map[string]resource.Path{}
		for q, r := range h.prior.Records {
			of := []string{"cgroup " + r.Status.Cgroup, "id " + r.Status.ContainerID}
			if n := r.Status.Network; n != nil {
				of = append(of, "network "+n.Name, "file "+n.File, "bridge "+n.Bridge)
			}
			if q.Kind() == resource.KindCell {
				of = append(of, "cell "+r.CellID())
			}
			for _, name := range of {
				if other, twice := names[name]; twice && name != "id " {
					t.Errorf("%s: %s and %s have the %s", from, q, other, name)
				}
				names[name] = q
			}
		}
		h.converge(nil, Options{Destroy: true})
	}
}

// A configuration that was not told of a renaming gets a plan, and a warning.
func TestRenamedByHand(t *testing.T) {
	for _, from := range []resource.Path{theSide, theCell, theStack, theSpace} {
		h := made(t)
		to := from.Parent().Join("moved")
		made, err := plan.RenameByHand(h.prior, from, to)
		if err != nil {
			t.Fatal(err)
		}
		h.move(&plan.Plan{Moves: made})
		p, diags := h.new(example(nil), Options{})
		if diags.HasErrors() || len(diags) != 1 || !strings.Contains(diags.Error(), fmt.Sprintf("%s was renamed to %s", from, to)) {
			t.Errorf("%s: %v", from, diags)
		}
		if changes := p.ChangesByPath(); changes[from].Action != plan.Create || changes[to].Action != plan.Delete {
			t.Errorf("%s: %s", from, text(p))
		}
		h.converge(example(nil), Options{})
		if _, diags := h.new(example(nil), Options{}); len(diags) > 0 {
			t.Errorf("%s: %v", from, diags)
		}
	}
	if _, err := plan.RenameByHand(made(t).prior, theSide, theRoot); err == nil || !strings.Contains(err.Error(), "is recorded already") {
		t.Error(err)
	}
	if _, err := plan.RenameByHand(made(t).prior, theSide, theSide); err == nil || !strings.Contains(err.Error(), "is its name already") {
		t.Error(err)
	}
	if _, err := plan.RenameByHand(made(t).prior, "main/none", "main/x"); err == nil || !strings.Contains(err.Error(), "no space main/none") {
		t.Error(err)
	}
}

// A move that was cut short has left two records of one thing. Whatever is planned next ends it first, wherever it began.
func TestMoveCutShort(t *testing.T) {
	h := made(t)
	moves := movesTo(map[resource.Path]resource.Path{theSpace: "main/a", "main/a/blog": "main/a/b"})
	desired := tree(renamed(t, specs{
		theRealm: &resource.Realm{}, theSpace: &resource.Space{}, theStack: &resource.Stack{}, theCell: &resource.Cell{},
		theRoot: &resource.Container{Root: true, Image: "web:1"}, theSide: &resource.Container{Image: "side:1"},
	}, map[resource.Path]resource.Path{theSpace: "main/a", "main/a/blog": "main/a/b"}))
	whole := h.plan(desired, moves).Moves
	later := time.Unix(1<<33, 0).UTC()
	before := h.prior
	for n := range 6 {
		h.prior = before.Clone()
		for _, m := range whole {
			for _, r := range m.Records[:min(n, len(m.Records))] {
				put := *r
				put.Status.UpdatedAt = &later
				h.prior.Records[r.Path] = &put
			}
		}
		p := h.plan(desired, moves)
		if len(p.Changes) != 0 {
			t.Errorf("after %d: %s", n, text(p))
		}
		if err := p.CheckFresh(h.prior); err != nil {
			t.Errorf("after %d: %v", n, err)
		}
		seen := map[string]resource.Path{}
		for _, c := range h.plan(nil, Options{Destroy: true}).Changes {
			if of := c.Before.Status.Cgroup; seen[of] != "" || c.Action != plan.Delete {
				t.Errorf("after %d: %s %s, which is %s", n, c.Action, c.Path, seen[of])
			} else {
				seen[of] = c.Path
			}
		}
	}
	// Where another name is wanted by now, it goes on to that.
	moves = movesTo(map[resource.Path]resource.Path{theSpace: "main/other"})
	p, diags := h.new(tree(specs{theRealm: &resource.Realm{}, "main/other": &resource.Space{}}), moves)
	if diags.HasErrors() || len(p.Moves) == 0 || p.ChangesByPath()["main/other"] != nil {
		t.Errorf("%v %v", p.Moves, diags)
	}
}

// What can't be moved since something else is there is told of, and treated as without the block.
func TestMovedToWhatIsThere(t *testing.T) {
	h := newHost(t)
	both := func(names ...string) *resource.Tree {
		s := specs{theRealm: &resource.Realm{}, theSpace: &resource.Space{}, theStack: &resource.Stack{}}
		for _, name := range names {
			s[theStack.Join(name)] = &resource.Cell{}
			s[theStack.Join(name).Join("x")] = &resource.Container{Root: true, Image: "web:1"}
		}
		return tree(s)
	}
	h.converge(both("a", "b"), Options{})
	moves := movesTo(map[resource.Path]resource.Path{theStack + "/a": theStack + "/b"})
	p, diags := h.new(both("b"), moves)
	if diags.HasErrors() || len(diags) != 1 || !strings.Contains(diags.Error(), "is not moved to main/default/blog/b") {
		t.Errorf("%v", diags)
	}
	if got := changesOf(p); len(p.Moves) != 0 || !strings.HasPrefix(got, "delete main/default/blog/a\n") {
		t.Errorf("%s", got)
	}
}

// A plan file can't have what is moved, or made, be something else on the host.
func TestEditedNames(t *testing.T) {
	h := made(t)
	desired := example(func(s specs) {
		s["main/new"], s["main/new/s"], s["main/new/s/c"] = &resource.Space{}, &resource.Stack{}, &resource.Cell{}
		s["main/new/s/c/x"] = &resource.Container{Root: true, Image: "web:1"}
	})
	for p, edit := range map[resource.Path]func(*state.Status){
		"main/new": func(s *state.Status) {
			had := h.prior.Records[theSpace].Status.Network
			s.Network.Name, s.Network.File, s.Network.Bridge = had.Name, had.File, had.Bridge
		},
		"main/new/s":     func(s *state.Status) { s.Cgroup = "/kukeon/main/default/blog" },
		"main/new/s/c":   func(s *state.Status) { s.CellID = "main_default_blog_web" },
		"main/new/s/c/x": func(s *state.Status) { s.ContainerID = resource.ContainerID(theRoot) },
	} {
		pl := h.plan(desired, Options{})
		if err := pl.CheckFresh(h.prior); err != nil {
			t.Fatal(err)
		}
		edit(&pl.ChangesByPath()[p].After.Status)
		if err := pl.CheckFresh(h.prior); err == nil || !strings.Contains(err.Error(), " claims ") {
			t.Errorf("%s: %v", p, err)
		}
	}
}

// Any names may change at once: the plan after the apply is empty, and nothing is replaced.
func TestRandomMoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHost(t)
		now := richExample()
		h.converge(tree(now), Options{})
		for round := range rapid.IntRange(1, 3).Draw(t, "rounds") {
			moves := map[resource.Path]resource.Path{}
			for _, p := range slices.Sorted(maps.Keys(now)) {
				if p.Kind() != resource.KindRealm && rapid.Bool().Draw(t, string(p)) {
					moves[p] = p.Parent().Join(fmt.Sprint(p.Kind().Lower(), "-", round, "-", len(moves)))
				}
			}
			now = renamed(t, now, moves)
			p := h.converge(tree(now), movesTo(moves))
			if len(p.Changes) != 0 {
				t.Fatalf("%v: %s", moves, text(p))
			}
		}
		h.converge(nil, Options{Destroy: true})
	})
}
