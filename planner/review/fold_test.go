package review_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/review"
)

// times returns n changes that build makes of their number.
func times(n int, build func(i int) *plan.Change) []*plan.Change {
	var all []*plan.Change
	for i := range n {
		all = append(all, build(i))
	}
	return all
}

func app(i int, names ...string) resource.Path {
	return resource.Path(strings.Join(append([]string{fmt.Sprintf("main/default/shop/app-%d", i)}, names...), "/"))
}

// text spells groups: the number of changes, with the names of the columns where there is more than one.
func text(groups []review.Group) string {
	var parts []string
	for _, g := range groups {
		if len(g.Changes) == 1 {
			parts = append(parts, g.Changes[0].Path.Names()[g.Changes[0].Path.Depth()-1])
			continue
		}
		part := fmt.Sprint(len(g.Changes))
		for _, c := range g.Columns {
			part += " " + c.Name
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

func TestFold(t *testing.T) {
	image := func(before, after any) plan.Diff {
		return plan.Diff{Name: "image", Before: before, After: after, ForcesReplacement: true}
	}
	set := func(name string, after any) plan.Diff { return plan.Diff{Name: name, After: after} }
	create := func(p resource.Path, diffs ...plan.Diff) *plan.Change {
		return &plan.Change{Path: p, Action: plan.Create, Diffs: diffs}
	}
	replace := func(p resource.Path, reason string, diffs ...plan.Diff) *plan.Change {
		c := &plan.Change{Path: p, Action: plan.Replace, Diffs: diffs}
		if reason != "" {
			c.Reasons = []string{reason}
		}
		return c
	}
	tests := []struct {
		name    string
		changes []*plan.Change
		want    string
	}{
		{"none", nil, ""},
		{"two are no group", times(2, func(i int) *plan.Change { return create(app(i), set("resources.pids", int64(9))) }), "app-0, app-1"},
		{"equal", times(3, func(i int) *plan.Change { return create(app(i), set("resources.pids", int64(9))) }), "3"},
		{"allocated addresses", times(20, func(i int) *plan.Change {
			return create(app(i), plan.Diff{Name: `networks["default"]`, After: fmt.Sprintf("10.88.0.%d/24", i+2), Computed: true})
		}), `20 networks["default"]`},
		{"written and allocated addresses", times(4, func(i int) *plan.Change {
			return create(app(i), set("address", fmt.Sprint("10.88.0.", i)), plan.Diff{Name: `networks["default"]`, After: fmt.Sprint("10.88.0.", i, "/24"), Computed: true})
		}), `4 address networks["default"]`},
		{"the cell in the reason", times(4, func(i int) *plan.Change {
			return replace(app(i, "side"), fmt.Sprintf("replaced because root container %s is replaced", app(i, "root")))
		}), "4"},
		{"the cgroup in the reason", times(4, func(i int) *plan.Change {
			return &plan.Change{Path: app(i), Action: plan.Update, Reasons: []string{fmt.Sprintf("cgroup /kukeon/%s is missing", app(i))}}
		}), "4"},
		{"the cell of another in the reason", times(4, func(i int) *plan.Change {
			return replace(app(i, "side"), fmt.Sprintf("replaced because root container %s is replaced", app(i+1, "root")))
		}), "side, side, side, side"},
		{"part of the name in the reason", times(3, func(i int) *plan.Change {
			return replace(app(i, "side"), fmt.Sprintf("replaced because of %s0/root", app(i)))
		}), "side, side, side"},
		{"other reasons", times(4, func(i int) *plan.Change { return replace(app(i, "side"), fmt.Sprintf("it exited with code %d", i%2)) }), "side, side, side, side"},
		{"other actions", times(6, func(i int) *plan.Change {
			c := create(app(i), set("resources.pids", int64(9)))
			if i%2 == 1 {
				c.Action = plan.Update
			}
			return c
		}), "3, 3"},
		{"other differences", times(4, func(i int) *plan.Change {
			c := create(app(i, "web"), set("image", "a"))
			if i == 2 {
				c.Diffs = append(c.Diffs, set("privileged", true))
			}
			return c
		}), "3, web"},
		{"the odd one of 200", times(200, func(i int) *plan.Change {
			after := "app:2"
			if i == 113 {
				after = "app:latest"
			}
			return replace(app(i, fmt.Sprint("c", i)), "", image("app:1", after))
		}), "199, c113"},
		{"three zones", times(18, func(i int) *plan.Change {
			return create(app(i, "web"), set("image", "a"), set(`env["ZONE"]`, fmt.Sprint("z", i%3)))
		}), "6, 6, 6"},
		{"three zones with addresses", times(18, func(i int) *plan.Change {
			return create(app(i, "web"), set("image", "a"), set("user", "b"), set(`env["ZONE"]`, fmt.Sprint("z", i%3)), set(`env["N"]`, fmt.Sprint(i)))
		}), `18 env["ZONE"] env["N"]`},
		{"the odd one with addresses", times(18, func(i int) *plan.Change {
			return create(app(i, "web"), set("image", "a"), set("user", "b"), set(`env["ZONE"]`, fmt.Sprint(i == 7)), set(`env["N"]`, fmt.Sprint(i)))
		}), `17 env["N"], web`},
		{"many zones", times(18, func(i int) *plan.Change {
			return create(app(i, "web"), set("image", "a"), set(`env["ZONE"]`, fmt.Sprint("z", i%9)))
		}), `18 env["ZONE"]`},
		{"zones that leave none alike", times(20, func(i int) *plan.Change {
			return create(app(i, "web"), set("image", "a"), set("user", "b"), set(`env["A"]`, fmt.Sprint(i%4)), set(`env["B"]`, fmt.Sprint(i/5)))
		}), `20 env["A"] env["B"]`},
		{"nothing in common", times(5, func(i int) *plan.Change {
			return create(app(i, "web"), set("image", fmt.Sprint(i)), set("args", []string{fmt.Sprint(i)}))
		}), "web, web, web, web, web"},
		{"ports", times(3, func(i int) *plan.Change {
			return create(app(i, "web"), set("image", "a"), set(fmt.Sprintf("ports[\"%d:80\"]", 8080+i), true))
		}), "3 ports"},
		{"own name as a key", times(3, func(i int) *plan.Change {
			return create(resource.Path(fmt.Sprintf("main/zone-%d/shop/web", i)), plan.Diff{Name: fmt.Sprintf(`networks["zone-%d"]`, i), After: fmt.Sprint(i), Computed: true})
		}), `3 networks["…"]`},
		{"elements", times(3, func(i int) *plan.Change {
			element := fmt.Sprintf(`volumes["/data-%d"]`, i)
			return create(app(i, "web"), set("image", "a"), set("user", "b"), set(element, true), set(element+".source", "/srv"))
		}), `3 volumes volumes["…"].source`},
		{"variables of other names", times(3, func(i int) *plan.Change {
			return create(app(i, "web"), set("image", "a"), set(fmt.Sprintf(`env["V%d"]`, i), "x"))
		}), "web, web, web"},
		{"sensitive values", times(3, func(i int) *plan.Change {
			return create(app(i, "web"), plan.Diff{Name: `env["KEY"]`, After: fmt.Sprint("hunter", i), Sensitive: true})
		}), "3"},
		{"bare", times(7, func(i int) *plan.Change { return create(app(i)) }), "app-0, app-1, app-2, app-3, app-4, app-5, app-6"},
		{"many bare", times(8, func(i int) *plan.Change { return create(app(i)) }), "8"},
		{"destroyed with their values", times(8, func(i int) *plan.Change {
			return &plan.Change{Path: app(i), Action: plan.Delete, Diffs: []plan.Diff{{Name: fmt.Sprintf(`env["V%d"]`, i), Before: "x"}}}
		}), "8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := text(review.Fold(tt.changes)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestReasonsOfAGroup(t *testing.T) {
	group := func(path, reason func(i int) string) []string {
		groups := review.Fold(times(3, func(i int) *plan.Change {
			return &plan.Change{Path: resource.Path(path(i)), Action: plan.Replace, Reasons: []string{reason(i), "it is so in main"}}
		}))
		if len(groups) != 1 {
			t.Fatalf("%d groups", len(groups))
		}
		return groups[0].Reasons()
	}
	got := group(func(i int) string { return string(app(i, "side")) }, func(i int) string { return fmt.Sprintf("because (%s) is replaced", app(i, "root")) })
	if want := []string{"because (main/default/shop/…/root) is replaced", "it is so in main"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	got = group(func(i int) string { return fmt.Sprintf("main/s%d/t/web", i) }, func(i int) string { return fmt.Sprintf("cgroup /kukeon/main/s%d/t/web is missing", i) })
	if want := "cgroup /kukeon/main/…/t/web is missing"; got[0] != want {
		t.Errorf("got %q, want %q", got[0], want)
	}
}

// randomChanges returns changes of few values, so that many are alike.
func randomChanges() *rapid.Generator[[]*plan.Change] {
	value := rapid.SampledFrom([]any{nil, "a", "b", int64(1), true, []string{"a", "b"}, []string{"a b"}})
	diff := rapid.Custom(func(t *rapid.T) plan.Diff {
		return plan.Diff{
			Name:   rapid.SampledFrom([]string{"image", "args", `env["A"]`, `ports["80"]`, `ports["81"]`, `volumes["/a"]`, `volumes["/a"].source`, `volumes["/b"].source`, `networks["s"]`, `networks["x"]`, "x[", "x[]"}).Draw(t, "name"),
			Before: value.Draw(t, "before"), After: value.Draw(t, "after"), ForcesReplacement: rapid.Bool().Draw(t, "replacing"),
			Computed: rapid.Bool().Draw(t, "computed"), Sensitive: rapid.IntRange(0, 5).Draw(t, "sensitive") == 0,
		}
	})
	models := rapid.SliceOfN(rapid.SliceOfNDistinct(diff, 0, 5, func(d plan.Diff) string { return d.Name }), 1, 3)
	return rapid.Custom(func(t *rapid.T) []*plan.Change {
		common := models.Draw(t, "models")
		return times(rapid.IntRange(0, 40).Draw(t, "number"), func(i int) *plan.Change {
			parent := rapid.SampledFrom([]string{"main/s/t", "main/s/t/c", "main/s/u", "s/s/t"}).Draw(t, "parent")
			c := &plan.Change{
				Path: resource.Path(fmt.Sprintf("%s/n%d", parent, i)), Action: rapid.SampledFrom([]plan.Action{plan.Create, plan.Update, plan.Delete}).Draw(t, "action"),
				HCL: rapid.IntRange(0, 9).Draw(t, "HCL") == 0, Diffs: slices.Clone(rapid.SampledFrom(common).Draw(t, "model")),
			}
			if len(c.Diffs) > 0 && rapid.Bool().Draw(t, "other value") {
				at := rapid.IntRange(0, len(c.Diffs)-1).Draw(t, "which")
				if c.Diffs[at].After != nil {
					c.Diffs[at].After = rapid.SampledFrom([]any{"a", "b", int64(2)}).Draw(t, "value")
				}
			}
			if reason := rapid.SampledFrom([]string{"", "it is so", "because of @/root", "because of main/s/t/c/root"}).Draw(t, "reason"); reason != "" {
				c.Reasons = []string{strings.ReplaceAll(reason, "@", parent)}
			}
			return c
		})
	})
}

// Each change is in one group, in the order of the plan, and the changes of a group differ in its columns only.
func TestFoldKeepsChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		changes := randomChanges().Draw(t, "changes")
		place := map[*plan.Change]int{}
		for i, c := range changes {
			place[c] = i
		}
		groups := review.Fold(changes)
		if again := review.Fold(changes); !reflect.DeepEqual(groups, again) {
			t.Fatal("it differs from run to run")
		}
		seen, before := map[*plan.Change]bool{}, -1
		for _, g := range groups {
			if place[g.Changes[0]] <= before {
				t.Fatal("the groups are not in the order of the plan")
			}
			before = place[g.Changes[0]]
			last := -1
			for _, c := range g.Changes {
				if seen[c] || place[c] <= last {
					t.Fatal("a change is in two groups, or out of order")
				}
				seen[c], last = true, place[c]
			}
			checkGroup(t, g)
		}
		if len(seen) != len(changes) {
			t.Fatalf("%d of %d changes", len(seen), len(changes))
		}
	})
}

func checkGroup(t *rapid.T, g review.Group) {
	first := g.Changes[0]
	if n := len(g.Changes); n == 2 || n == 1 && len(g.Columns) > 0 {
		t.Fatalf("%d changes with %d columns", n, len(g.Columns))
	}
	for _, c := range g.Columns {
		if len(c.Diffs) != len(g.Changes) || !slices.ContainsFunc(c.Diffs, func(d plan.Diff) bool { return !reflect.DeepEqual(d, c.Diffs[0]) }) {
			t.Fatalf("column %s has %d differences", c.Name, len(c.Diffs))
		}
	}
	for i, c := range g.Changes {
		if c.Action != first.Action || c.Path.Kind() != first.Path.Kind() || c.HCL != first.HCL || len(c.Reasons) != len(first.Reasons) {
			t.Fatalf("%v and %v are in one group", first, c)
		}
		if len(c.Reasons) > 0 && neutral(c) != neutral(first) {
			t.Fatalf("reasons %q of %s and %q of %s", first.Reasons, first.Path, c.Reasons, c.Path)
		}
		if want, got := common(g, 0), common(g, i); !reflect.DeepEqual(want, got) {
			t.Fatalf("%s has %v, %s has %v", first.Path, want, c.Path, got)
		}
	}
}

// neutral returns the reason without the names of the change's parents.
func neutral(c *plan.Change) string {
	return strings.ReplaceAll(c.Reasons[0], string(c.Path.Parent())+"/", "@/")
}

// common returns the differences of the i-th change that are in no column, without their sensitive values.
func common(g review.Group, i int) []plan.Diff {
	next := 0
	rest := []plan.Diff{}
	for _, d := range review.Shown(g.Changes[i]) {
		if next < len(g.Columns) && reflect.DeepEqual(g.Columns[next].Diffs[i], d) {
			next++
			continue
		}
		if d.Sensitive {
			d.Before, d.After = d.Before != nil, d.After != nil
		}
		rest = append(rest, d)
	}
	return rest
}
