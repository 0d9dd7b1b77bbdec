package view

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// crowd adds equal cells, each with its port.
func crowd(all specs) {
	for i := range 20 {
		app := resource.Path(fmt.Sprintf("main/default/blog/app-%d", i))
		all[app] = &resource.Cell{Common: resource.Common{Resources: &resource.Resources{Memory: 64 << 20}}}
		all[app+"/web"] = &resource.Container{
			Root: true, Image: "docker.io/library/nginx:1", Ports: []string{fmt.Sprintf("%d:80", 8080+i)}, Env: resource.Env{"NAME": fmt.Sprint("app-", i), "LEVEL": "info"},
		}
		all[app+"/side"] = &resource.Container{Image: "docker.io/library/busybox:1", Args: []string{"-c", fmt.Sprintf("set -e\necho \"I am app-%d\"\nexec watch --directory /srv/data\n", i)}}
	}
}

// script is the text of a file with numbered lines, one of which is another.
func script(lines, other int) string {
	var b strings.Builder
	for i := range lines {
		text := fmt.Sprintf("line %d", i+1)
		if i+1 == other {
			text = "another line"
		}
		b.WriteString(text + "\n")
	}
	return b.String()
}

// textual changes texts of several lines, lists and long values.
func textual() *plan.Plan {
	image := strings.Repeat("0123456789", 30)
	diffs := []plan.Diff{
		{Name: "image", Before: "app@sha256:" + strings.Repeat("a", 64), After: "app@sha256:" + strings.Repeat("b", 64), ForcesReplacement: true},
		{Name: "args", Before: []string{"-c", script(9, 0), "80"}, After: []string{"-c", script(9, 5), "80"}, ForcesReplacement: true},
		{Name: `env["CONFIG"]`, Before: script(40, 0), After: script(40, 20), ForcesReplacement: true},
		{Name: `env["CUT"]`, Before: "a\n\x1b[2J", After: "a\n\x1b[2J\n", ForcesReplacement: true},
		{Name: `env["GONE"]`, Before: "a\nb\n", ForcesReplacement: true},
		{Name: `env["LONG"]`, Before: image + "x" + image, After: image + "yz" + image, ForcesReplacement: true},
		{Name: `env["NEW"]`, After: script(40, 0)},
		{Name: `env["SECRET"]`, Before: plan.SensitiveValue, After: plan.SensitiveValue, Sensitive: true},
		{Name: "healthcheck.exec", Before: strings.Split("/bin/check --url http://localhost:8080/health --timeout 3 --retries 5 --quiet", " "), After: strings.Split("/bin/check --url http://localhost:9090/health --timeout 3 --retries 5", " ")},
		{Name: `labels["none"]`, Before: "", After: strings.Repeat("ü", 12345)},
	}
	c := &plan.Change{Path: cell + "/app", Action: plan.Replace, Diffs: diffs, Before: &state.Record{}, After: &state.Record{Spec: &resource.Container{StopSignal: "TERM"}}}
	created := &plan.Change{Path: cell + "/new", Action: plan.Create, Diffs: []plan.Diff{
		{Name: "command", After: "/bin/sh"}, {Name: "args", After: []string{"-c", "set -e\nexec httpd", strings.Repeat("long", 100)}},
	}}
	return &plan.Plan{Changes: []*plan.Change{c, created}, Steps: []plan.Step{{Op: plan.OpCreate, Path: c.Path}}}
}

// longValues has values in columns that are wider than 80 characters, names that no run shortens, and many addresses.
func longValues() *plan.Plan {
	p := &plan.Plan{Steps: []plan.Step{{Op: plan.OpCreate, Path: "main"}}}
	for i := range 3 {
		cidr := fmt.Sprintf(`network.egress.allow["10.%d.0.0/16"]`, i)
		p.Changes = append(p.Changes, &plan.Change{
			Path: resource.Path(fmt.Sprintf("main/zone-%d", i)), Action: plan.Update, Before: &state.Record{}, After: &state.Record{Spec: &resource.Space{}},
			Diffs: []plan.Diff{{Name: cidr, After: true}, {Name: cidr + `.ports["443"]`, After: true}},
		})
	}
	tenants := strings.Fields("acme globex initech umbrella stark wayne wonka hooli")
	for i, tenant := range tenants {
		p.Changes = append(p.Changes, &plan.Change{Path: resource.Path("main/" + tenant + "/shop"), Action: plan.Create, HCL: true})
		volume := fmt.Sprintf(`volumes["/srv/%s"]`, tenant)
		p.Changes = append(p.Changes, &plan.Change{
			Path: resource.Path("main/" + tenant + "/shop/web/web"), Action: plan.Replace, HCL: true,
			Reasons: []string{"replaced because root container main/" + tenant + "/shop/web/root is replaced", "it is so"},
			Before:  &state.Record{}, After: &state.Record{Spec: &resource.Container{StopSignal: "TERM"}},
			Diffs: []plan.Diff{
				{Name: "readOnlyRootFilesystem", After: true}, {Name: "user", Before: "0", After: "1000"}, {Name: "stopSignal", Before: "TERM"},
				{Name: `env["DATABASE_URL"]`, Before: "postgres://db." + tenant + ":5432/shop", After: "postgres://db." + tenant + ".internal:5432/shop", ForcesReplacement: true},
				{Name: `env["CONFIG"]`, Before: script(9, 0), After: strings.Replace(script(9, 0), "line 5", tenant, 1)},
				{Name: volume, After: true}, {Name: volume + ".source", After: "/srv", ForcesReplacement: true},
			},
		})
		p.Changes = append(p.Changes, &plan.Change{
			Path: resource.Path("main/" + tenant + "/shop/web"), Action: plan.Update, HCL: true, Before: &state.Record{}, After: &state.Record{Spec: &resource.Cell{}},
			Diffs: []plan.Diff{
				{Name: fmt.Sprintf("networks[%q]", tenant), Before: fmt.Sprintf("10.1.%d.2/24", i), After: fmt.Sprintf("10.2.%d.2/24", i), Computed: true},
				{Name: fmt.Sprintf("published[\"%d:80\"]", 8080+i), After: true, Computed: true},
			},
		})
	}
	for i := range 30 {
		p.Changes = append(p.Changes, &plan.Change{
			Path: resource.Path(fmt.Sprintf("main/default/shop/app-%d", i)), Action: plan.Create,
			Diffs: []plan.Diff{{Name: `networks["default"]`, After: fmt.Sprintf("10.88.0.%d/24", i+2), Computed: true}},
		})
	}
	return p
}

// survey is a plan with many changes in several stacks, with a few that destroy.
func survey() *plan.Plan {
	p := &plan.Plan{Steps: []plan.Step{{Op: plan.OpUpdate, Path: "main"}}}
	p.Changes = append(p.Changes, &plan.Change{Path: "main/default", Action: plan.Create, After: &state.Record{Spec: &resource.Space{}}})
	for i := range 4 {
		p.Changes = append(p.Changes, &plan.Change{Path: resource.Path(fmt.Sprintf("main/default/stack-%d/cell", i)), Action: plan.Start, Reasons: []string{"its task is missing"}})
	}
	for i := range 40 {
		c := &plan.Change{
			Path: resource.Path(fmt.Sprintf("main/default/stack-%d/cell/app", i/10)), Action: plan.Update, Before: &state.Record{}, After: &state.Record{Spec: &resource.Container{}},
			Diffs: []plan.Diff{{Name: "restartPolicy", Before: "no", After: "always"}, {Name: fmt.Sprintf(`labels["l%d"]`, i), After: "x"}},
		}
		c.Path = c.Path.Parent().Join(fmt.Sprint("app", i))
		switch i {
		case 17:
			c.Action, c.Reasons, c.Diffs = plan.Delete, []string{"no longer in the configuration"}, nil
		case 31:
			c.Action = plan.Replace
			c.Diffs = append(c.Diffs, plan.Diff{Name: "image", Before: "db:1", After: "db:2", ForcesReplacement: true})
		}
		p.Changes = append(p.Changes, c)
	}
	for _, name := range []string{"mail", "queue", "cache"} {
		p.Changes = append(p.Changes, &plan.Change{Path: resource.Path("main/default/stack-3/" + name), Action: plan.Delete, Reasons: []string{"no longer in the configuration"}})
	}
	return p
}

// dangerous is a plan in which one change destroys, and no two are alike.
func dangerous(n int) *plan.Plan {
	p := &plan.Plan{Steps: []plan.Step{{Op: plan.OpUpdate, Path: "main"}}}
	for i := range n {
		p.Changes = append(p.Changes, &plan.Change{
			Path: resource.Path(fmt.Sprintf("main/default/stack-%d/cell-%d", i%10, i)), Action: plan.Update, Before: &state.Record{}, After: &state.Record{Spec: &resource.Cell{}},
			Diffs: []plan.Diff{{Name: fmt.Sprintf(`labels["l%d"]`, i), After: "x"}},
		})
	}
	p.Changes[n/2+7] = &plan.Change{Path: "main/default/stack-7/db", Action: plan.Delete, Reasons: []string{"no longer in the configuration"}}
	return p
}

func TestFoldedPlans(t *testing.T) {
	crowded := planned(t, crowd, planner.Options{})
	for name, show := range map[string]func(*View){
		"fold":      func(v *View) { v.Plan(crowded) },
		"fold-long": func(v *View) { v.ink.width = 80; v.Plan(longValues()) },
		"terminal": func(v *View) {
			v.ink.width, v.ink.terminal = 80, true
			v.Plan(planned(t, rootReplaced, planner.Options{}))
		},
		"fold-long-wide": func(v *View) { v.ink.width = 160; v.Plan(longValues()) },
		"values":         func(v *View) { v.Plan(textual()) },
		"values-in-full": func(v *View) { v.Unfold(); v.Plan(textual()) },
		"survey":         func(v *View) { v.Plan(survey()) },
	} {
		golden(t, name, false, show)
	}
	for _, changes := range []int{200, 5000} { // the one that destroys is in sight at the end
		var b bytes.Buffer
		newView(&b, false).Plan(dangerous(changes))
		lines := strings.Split(b.String(), "\n")
		if end := strings.Join(lines[len(lines)-8:], "\n"); !strings.Contains(end, "  - cell main/default/stack-7/db # no longer in the configuration\n") {
			t.Errorf("%d changes: %s", changes, end)
		}
	}
	golden(t, "fold.color", true, func(v *View) { v.Plan(crowded) })
	golden(t, "values.color", true, func(v *View) { v.Plan(textual()) })

	var all bytes.Buffer
	v := newView(&all, false)
	v.Unfold()
	v.Plan(crowded)
	for _, c := range crowded.Changes {
		if want := fmt.Sprintf("%s %s %s\n", c.Path.Kind().Lower(), c.Path, headline[c.Action]); !strings.Contains(all.String(), want) {
			t.Errorf("no %q in the unfolded plan", want)
		}
	}
}

func TestRuns(t *testing.T) {
	for names, want := range map[string]string{
		"a":                               "a",
		"b a":                             "a|b",
		"app-1 app-0":                     "app-0|app-1",
		"app-2 app-0 app-1":               "app-0 … app-2",
		"app-10 app-9 app-8 app":          "app|app-8 … app-10",
		"a-1 a-2 a-4 a-5 a-6":             "a-1|a-2|a-4 … a-6",
		"a1/b1 a2/b1 a2/b2 a2/b3":         "a1/b1|a2/b1 … a2/b3",
		"a1 a2 a3 b4":                     "a1 … a3|b4",
		"a0/x a0/y a1/x a1/y a2/x a2/y z": "a0/x … a2/x|a0/y … a2/y|z",
		"a08 a09 a10":                     "a08|a09|a10",
		"1 2 3":                           "1 … 3",
		"a99999999999999999999 a100000000000000000000 b": "a100000000000000000000|a99999999999999999999|b",
	} {
		if got := strings.Join(runs(strings.Fields(names)), "|"); got != want {
			t.Errorf("%s: got %s, want %s", names, got, want)
		}
	}
}

func TestWrapped(t *testing.T) {
	if got, want := strings.Join(wrapped([]string{"aa", "bb", "a-long-word", "c"}, ", ", 7), "|"), "aa, bb,|a-long-word,|c"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The edits contain all elements, and no more unchanged ones around a difference than asked for.
func TestEdits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		element := rapid.SampledFrom([]string{"a", "b", "c", "two\nlines"})
		before, after := rapid.SliceOfN(element, 0, 12).Draw(t, "before"), rapid.SliceOfN(element, 0, 12).Draw(t, "after")
		context := rapid.IntRange(0, 2).Draw(t, "context")
		var old, fresh []string
		shown := 0
		for _, e := range edits(before, after, context) {
			if e.kind == kept {
				shown++
			} else {
				shown = 0
			}
			if shown > 2*context+1 {
				t.Fatalf("%d unchanged elements in a row", shown)
			}
			switch e.kind {
			case hidden:
				if e.number < 2 || !slices.Equal(before[len(old):len(old)+e.number], after[len(fresh):len(fresh)+e.number]) {
					t.Fatalf("%d elements hidden after %q and %q", e.number, old, fresh)
				}
				old, fresh = append(old, before[len(old):len(old)+e.number]...), append(fresh, after[len(fresh):len(fresh)+e.number]...)
			case removed:
				old = append(old, e.text)
			case added:
				fresh = append(fresh, e.text)
			case replaced:
				old, fresh = append(old, e.text), append(fresh, e.by)
			default:
				old, fresh = append(old, e.text), append(fresh, e.text)
			}
		}
		if !slices.Equal(old, before) || !slices.Equal(fresh, after) {
			t.Fatalf("%q became %q, and %q became %q", before, old, after, fresh)
		}
	})
}

// A cut text keeps its first difference in sight, its beginning and its end, and is never long.
func TestCut(t *testing.T) {
	ink := newPalette(false)
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string {
			return strings.Repeat("ä", rapid.IntRange(0, 2000).Draw(t, name))
		}
		head, tail := text("head"), text("tail")
		before, after := head+"<"+tail, head+">"+tail
		place := firstDifference(before, after)
		x, y := ink.cut(before, place), ink.cut(after, place)
		if !strings.Contains(x, "<") || !strings.Contains(y, ">") || utf8.RuneCountInString(x) > longestValue+40 {
			t.Fatalf("%s, %s", x, y)
		}
		if n := utf8.RuneCountInString(before); n > longestValue && !strings.Contains(x, "…("+grouped(n)+" characters)…") || n <= longestValue && x != before {
			t.Fatalf("%d characters: %s", n, x)
		}
	})
	if got := grouped(1234567) + grouped(999); got != "1,234,567999" {
		t.Error(got)
	}
}

func TestCompactWarnings(t *testing.T) {
	var ds resource.Diagnostics
	for i := range 3 {
		ds.Warnf(at(i+1, 1, i+1, 2), "main", "Foreign containers", "There is one.")
	}
	ds.Warnf(resource.Range{}, "main", "Left behind \x1b[2J", "The namespace stays.")
	ds.Warnf(resource.Range{}, "", "Odd", "Again")
	golden(t, "compact-warnings", false, func(v *View) { v.CompactWarnings(); v.Diagnostics(ds, nil) })
	ds.Errorf(resource.Range{}, "", "Bad", "It is bad.")
	var full, compact bytes.Buffer
	newView(&full, false).Diagnostics(ds, nil)
	v := newView(&compact, false)
	v.CompactWarnings()
	if v.Diagnostics(ds, nil); compact.String() != full.String() {
		t.Errorf("with an error: got\n%s\nwant\n%s", compact.String(), full.String())
	}
}

// The words of each change in the holes of the pattern give its value.
func TestPattern(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"a", "bc", "app-1", "app-10", "ü", "x y", "", "é\n"})
		texts := rapid.SliceOfN(rapid.SampledFrom([]string{strings.Repeat("common ", 7), "\n", "(", "-", "ö"}), 1, 5).Draw(t, "texts")
		var diffs []plan.Diff
		for range rapid.IntRange(2, 5).Draw(t, "number") {
			value := ""
			for i, text := range texts {
				if i > 0 && rapid.Bool().Draw(t, "word") {
					value += word.Draw(t, "which")
				}
				value += text
			}
			d := plan.Diff{Name: "command", After: value}
			if rapid.Bool().Draw(t, "list") {
				d.After = []string{"-c", value}
			}
			diffs = append(diffs, d)
		}
		p, ok := patternOf(diffs)
		if !ok {
			return
		}
		for i, d := range diffs {
			flat := func(v any) string {
				if list, ok := v.([]string); ok {
					return strings.Join(list, "\x00")
				}
				return v.(string)
			}
			text := flat(p.diff.After)
			for _, w := range p.words[i] {
				text = strings.Replace(text, hole, w, 1)
			}
			if text != flat(d.After) {
				t.Fatalf("%q with %q is no %q", p.diff.After, p.words[i], d.After)
			}
		}
	})
	texts := func(format string, args ...any) string {
		return fmt.Sprintf(format, args...) + strings.Repeat(" and so on", 5)
	}
	for name, tt := range map[string]struct {
		before, after [2]any
		want          string
	}{
		"the name of the cell": {[2]any{nil, nil}, [2]any{texts("I am app-%d", 1), texts("I am app-%d", 10)}, `"app-1"|"app-10"`},
		"a change beside it":   {[2]any{texts("old %d", 1), texts("old %d", 2)}, [2]any{texts("new %d", 1), texts("new %d", 2)}, `"1"|"2"`},
		"a change of it":       {[2]any{texts("%d", 1), texts("%d", 2)}, [2]any{texts("%d", 3), texts("%d", 4)}, ""},
		"only the new one":     {[2]any{"x", "x"}, [2]any{texts("%d", 3), texts("%d", 4)}, `"3"|"4"`},
		"only the old one":     {[2]any{texts("%d", 3), texts("%d", 4)}, [2]any{"x", "x"}, `"3"|"4"`},
		"short":                {[2]any{nil, nil}, [2]any{"10.88.0.2/24", "10.88.0.3/24"}, ""},
		"numbers":              {[2]any{nil, nil}, [2]any{int64(1), int64(2)}, ""},
		"other lengths":        {[2]any{nil, nil}, [2]any{[]string{texts("%d", 1)}, []string{texts("%d", 1), "x"}}, ""},
		"a line more":          {[2]any{nil, nil}, [2]any{texts("a\n%d", 1), texts("a\nb\n%d", 1)}, ""},
		"elements":             {[2]any{nil, nil}, [2]any{[]string{texts("%d", 1), "b", "8080"}, []string{texts("%d", 2), "b", "8081"}}, `"1", "8080"|"2", "8081"`},
	} {
		p, ok := patternOf([]plan.Diff{{Name: "args", Before: tt.before[0], After: tt.after[0]}, {Name: "args", Before: tt.before[1], After: tt.after[1]}})
		got := ""
		if ok {
			got = p.text(0) + "|" + p.text(1)
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}
