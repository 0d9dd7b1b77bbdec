package planner

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// living is the example with a lifecycle for one resource.
func living(p resource.Path, l *resource.Lifecycle, edit func(specs)) *resource.Tree {
	t := example(edit)
	t.Resource(p).Lifecycle = l
	return t
}

func TestIgnoreChanges(t *testing.T) {
	changed := func(s specs) {
		c := container(s, theSide)
		c.Image, c.Env, c.Labels = "side:2", resource.Env{"A": "x", "B": "y"}, map[string]string{"l": "m"}
		c.Resources = &resource.Resources{Memory: 1 << 24, PIDs: 5}
	}
	for name, tt := range map[string]struct {
		ignored []string
		want    string
	}{
		"all":       {[]string{"*"}, ""},
		"each":      {[]string{"image", "env", "labels", "resources"}, ""},
		"a member":  {[]string{"image", `env["A"]`, "labels", "resources"}, "replace main/default/blog/web/side\n  !env[\"B\"]: <nil> -> y\n"},
		"a part":    {[]string{"image", "env", "labels", "resources.memory"}, "update main/default/blog/web/side\n  resources.pids: <nil> -> 5\n"},
		"something": {[]string{"user"}, "replace main/default/blog/web/side\n  !image: side:1 -> side:2\n"},
	} {
		h := made(t)
		desired := living(theSide, &resource.Lifecycle{IgnoreChanges: tt.ignored}, changed)
		if got := changesOf(h.plan(desired, Options{})); !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, tt.want)
		}
		h.converge(desired, Options{})
	}
}

func TestReplaceTriggeredBy(t *testing.T) {
	for name, tt := range map[string]struct {
		trigger resource.Trigger
		edit    func(specs)
		pulled  bool
	}{
		"a change in place": {resource.Trigger{Path: theSpace}, func(s specs) { s[theSpace].(*resource.Space).Labels = map[string]string{"a": "b"} }, true},
		"its attribute": {resource.Trigger{Path: theSpace, Attributes: []string{"labels"}}, func(s specs) {
			s[theSpace].(*resource.Space).Labels = map[string]string{"a": "b"}
		}, true},
		"another attribute": {resource.Trigger{Path: theSpace, Attributes: []string{"network"}}, func(s specs) {
			s[theSpace].(*resource.Space).Labels = map[string]string{"a": "b"}
		}, false},
		"no change": {resource.Trigger{Path: theSpace}, func(specs) {}, false},
	} {
		h := made(t)
		desired := living(theSide, &resource.Lifecycle{ReplaceTriggeredBy: []resource.Trigger{tt.trigger}}, tt.edit)
		got := changesOf(h.plan(desired, Options{}))
		if pulled := strings.Contains(got, "replace "+string(theSide)+"\n  # replaced because space "); pulled != tt.pulled {
			t.Errorf("%s:\n%s", name, got)
		}
		h.converge(desired, Options{})
	}
	// One that is replaced itself pulls along what waits for it.
	h := newHost(t)
	with := func(edit func(specs)) *resource.Tree {
		d := living(theSide, &resource.Lifecycle{ReplaceTriggeredBy: []resource.Trigger{{Path: theSide + "-2"}}}, func(s specs) {
			s[theSide+"-2"] = &resource.Container{Image: "side:1"}
			if edit != nil {
				edit(s)
			}
		})
		return d
	}
	h.converge(with(nil), Options{})
	got := changesOf(h.plan(with(func(s specs) { container(s, theSide+"-2").Image = "side:2" }), Options{}))
	if !strings.Contains(got, "replaced because container main/default/blog/web/side-2 is replaced") {
		t.Error(got)
	}
	// One that is created had nothing before that could have changed: neither where it is new, nor where it is made again.
	h = made(t)
	for _, trigger := range []resource.Trigger{{Path: theSide + "-2"}, {Path: theSide + "-2", Attributes: []string{"image"}}} {
		desired := with(nil)
		desired.Resource(theSide).Lifecycle.ReplaceTriggeredBy = []resource.Trigger{trigger}
		if got := changesOf(h.converge(desired, Options{})); !strings.Contains(got, "create "+string(theSide)+"-2") || strings.Contains(got, "replace ") {
			t.Errorf("%+v:\n%s", trigger, got)
		}
		delete(h.actual.Namespaces["kukeon-main"].Containers, resource.ContainerID(theSide+"-2"))
	}
}

func TestPreventDestroy(t *testing.T) {
	h := made(t)
	protect := &resource.Lifecycle{PreventDestroy: true}
	p := h.converge(living(theSide, protect, nil), Options{})
	if got := changesOf(p); got != "update main/default/blog/web/side\n  # protected by prevent_destroy from now on\n" {
		t.Errorf("%s", got)
	}
	refused := func(name string, desired *resource.Tree, o Options, want string) {
		t.Helper()
		if _, diags := h.new(desired, o); !diags.HasErrors() || !strings.Contains(diags.Error(), want) {
			t.Errorf("%s: %v", name, diags)
		}
	}
	newImage := func(s specs) { container(s, theSide).Image = "side:2" }
	refused("replaced", living(theSide, protect, newImage), Options{}, "would be replaced (image changes)")
	refused("replaced with its root", living(theSide, protect, func(s specs) { container(s, theRoot).Image = "web:2" }), Options{}, "would be replaced (replaced because root container")
	refused("left out", example(func(s specs) { delete(s, theSide) }), Options{}, "applied with prevent_destroy")
	refused("destroyed", nil, Options{Destroy: true}, "would be deleted, but it was applied with prevent_destroy")
	h.converge(example(newImage), Options{})
	h.converge(nil, Options{Destroy: true})
}

func TestMoved(t *testing.T) {
	h := made(t)
	desired := example(func(s specs) {
		s[theCell.Join("aside")] = s[theSide]
		delete(s, theSide)
	})
	moves := []plan.Move{{From: theSide, To: theCell.Join("aside")}}
	p := h.plan(desired, Options{Moves: moves})
	if len(p.Changes) != 0 || len(p.Moves) != 1 || p.Empty() {
		t.Errorf("%s %v", text(p), p.Moves)
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	if err := p.CheckFresh(h.prior); err != nil {
		t.Error(err)
	}
	// A plan file can't have another record made of what is moved.
	forged := *p.Moves[0].Records[0]
	forged.Status.ContainerID = "another"
	edited := *p
	edited.Moves = []plan.Move{{From: p.Moves[0].From, To: p.Moves[0].To, Records: []*state.Record{&forged}}}
	if err := edited.CheckFresh(h.prior); err == nil || !strings.Contains(err.Error(), "the records of its moves") {
		t.Error(err)
	}
	// What is ignored of it is ignored by its new name.
	desired.Resource(theCell.Join("aside")).Lifecycle = &resource.Lifecycle{IgnoreChanges: []string{"image"}}
	desired.Resource(theCell.Join("aside")).Spec.(*resource.Container).Image = "missing:1"
	if p := h.plan(desired, Options{Moves: moves}); len(p.Changes) != 0 {
		t.Errorf("%s", text(p))
	}
	if _, diags := h.new(example(nil), Options{Moves: moves}); !strings.Contains(diags.Error(), "is still in the configuration") {
		t.Errorf("%v", diags)
	}
	moves[0].To = "main/default/blog/other/side"
	if _, diags := h.new(desired, Options{Moves: moves}); !strings.Contains(diags.Error(), "can't be moved to cell") {
		t.Errorf("%v", diags)
	}
	// What was moved by an earlier apply is not moved again.
	moves[0].From = "main/default/blog/web/never"
	if p := h.plan(example(nil), Options{Moves: moves}); !p.Empty() {
		t.Errorf("%v", p.Moves)
	}
}

func TestRemoved(t *testing.T) {
	h := made(t)
	without := example(func(s specs) { delete(s, theSide) })
	p := h.plan(without, Options{Removals: []plan.Removal{{From: theSide, Forget: true}}})
	if got := text(p); got != "forget main/default/blog/web/side\n  # removed from the configuration with destroy = false: it goes on running\n--\n0 forget main/default/blog/web/side\n" {
		t.Error(got)
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	if got := changesOf(h.plan(without, Options{Removals: []plan.Removal{{From: theSide}}})); !strings.HasPrefix(got, "delete ") {
		t.Error(got)
	}
	for _, r := range []plan.Removal{{From: theSide}, {From: theCell, Forget: true}} {
		if _, diags := h.new(example(nil), Options{Removals: []plan.Removal{r}}); !strings.Contains(diags.Error(), "is still in the configuration") {
			t.Errorf("%v", diags)
		}
	}
	if _, diags := h.new(example(func(s specs) {
		delete(s, theRoot)
		delete(s, theSide)
		delete(s, theCell)
	}), Options{Removals: []plan.Removal{{From: theCell, Forget: true}}}); !strings.Contains(diags.Error(), "only containers can") {
		t.Errorf("%v", diags)
	}
}

func TestOutputs(t *testing.T) {
	h := made(t)
	h.prior.Outputs = state.Outputs{"default": {"old": {Value: json.RawMessage(`1`)}, "same": {Sensitive: true}}, "other": {"x": {}}}
	wanted := map[string]*state.Output{"new": {Value: json.RawMessage(`"a"`)}, "same": {Sensitive: true}}
	p := h.plan(example(nil), Options{Outputs: wanted})
	if len(p.Outputs) != 2 || p.Outputs[0].Name != "new" || p.Outputs[1].Name != "old" || p.Outputs[1].After != nil || p.Empty() {
		t.Errorf("%+v", p.Outputs)
	}
	for name, o := range map[string]Options{"by hand": {ByHand: true}, "nobody says": {}, "targets": {Outputs: wanted, Targets: []resource.Path{theSide}}} {
		if p := h.plan(example(nil), o); len(p.Outputs) != 0 {
			t.Errorf("%s: %+v", name, p.Outputs)
		}
	}
	if p := h.plan(nil, Options{Destroy: true}); len(p.Outputs) != 2 || p.Outputs[0].After != nil {
		t.Errorf("%+v", p.Outputs)
	}
}

// What refers to another is made after it.
func TestReferencesOrder(t *testing.T) {
	h := newHost(t)
	desired := withOther(nil)
	desired.Resource(theSide).References = []resource.Path{otherCell}
	p := h.plan(desired, Options{})
	wantOrder(t, p, "create "+string(otherCell), "create "+string(theSide))
	h.apply(p)
	address := plan.Computed(p, h.prior)[otherCell]["address"]
	if address == "" || plan.Computed(p, h.prior)[theSpace]["gateway"] == "" {
		t.Errorf("computed: %v", plan.Computed(p, h.prior))
	}
	if empty := h.plan(desired, Options{}); plan.Computed(empty, h.prior)[otherCell]["address"] != address {
		t.Errorf("computed: %v", plan.Computed(empty, h.prior))
	}
}
