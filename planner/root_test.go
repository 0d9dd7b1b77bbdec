package planner

import (
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

const theAgent = theCell + "/agent"

// implied is the example with the root container that the configuration implies where nobody writes which it is.
func implied(root resource.Path, edit func(specs)) *resource.Tree {
	tree := example(func(s specs) {
		container(s, theRoot).Root = false
		if edit != nil {
			edit(s)
		}
	})
	r := tree.Resource(root)
	r.ImpliedRoot, r.Spec.(*resource.Container).Root = true, true
	return tree
}

func withAgent(s specs) { s[theAgent] = &resource.Container{Image: "agent:1"} }

// Where nobody writes which container is the root, the recorded one stays it.
func TestRecordedRootStays(t *testing.T) {
	left := func(s specs) { withAgent(s); delete(s, theRoot) }
	for _, tt := range []struct {
		name    string
		desired *resource.Tree
		opts    Options
		host    func(*host)
		want    string // the changes
		root    resource.Path
	}{
		{name: "nothing changes", desired: implied(theRoot, nil), root: theRoot},
		{name: "another comes first", desired: implied(theSide, nil), root: theRoot},
		{name: "a new one comes first", desired: implied(theAgent, withAgent), want: "create main/default/blog/web/agent\n", root: theRoot},
		{name: "written", desired: example(func(s specs) {
			withAgent(s)
			container(s, theRoot).Root, container(s, theAgent).Root = false, true
		}), want: `create main/default/blog/web/agent
replace main/default/blog/web/side
  # replaced because root container main/default/blog/web/agent is created
replace main/default/blog/web/web
  !root: true -> <nil>
`, root: theAgent},
		{name: "it left the configuration", desired: implied(theAgent, left), want: `create main/default/blog/web/agent
replace main/default/blog/web/side
  # replaced because root container main/default/blog/web/agent is created
delete main/default/blog/web/web
  # no longer in the configuration
`, root: theAgent},
		{
			name: "it was made by hand", desired: implied(theAgent, left), host: func(h *host) { h.prior.Records[theRoot].Status.Project = "" },
			want: "create main/default/blog/web/agent\n", root: theRoot,
		},
		{
			name: "renamed", desired: implied(theAgent, func(s specs) {
				withAgent(s)
				s[theCell+"/app"] = s[theRoot]
				delete(s, theRoot)
			}),
			opts: Options{Moves: []plan.Move{{From: theRoot, To: theCell + "/app"}}},
			want: "create main/default/blog/web/agent\n", root: theCell + "/app",
		},
		{
			name: "a target beside it", desired: implied(theAgent, withAgent), opts: Options{Targets: []resource.Path{theAgent}},
			want: "create main/default/blog/web/agent\n", root: theRoot,
		},
		{
			name: "it changes", desired: implied(theAgent, func(s specs) { withAgent(s); container(s, theRoot).Image = "web:2" }),
			want: `replace main/default/blog/web/web
  !image: web:1 -> web:2
create main/default/blog/web/agent
replace main/default/blog/web/side
  # replaced because root container main/default/blog/web/web is replaced
`, root: theRoot,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := made(t)
			if tt.host != nil {
				tt.host(h)
			}
			compare(t, changesOf(h.converge(tt.desired, tt.opts)), tt.want)
			if got := recordedRoots(h.prior)[theCell]; got != tt.root {
				t.Errorf("the root is %s, not %s", got, tt.root)
			}
			if spec := h.prior.Records[tt.root].Spec; !spec.(*resource.Container).Root || resource.CgroupOf(tt.root, spec) != string("/kukeon/"+tt.root+"_root") {
				t.Errorf("the root is recorded as %+v", spec)
			}
		})
	}
}

// The first container is the root where the cell is new, and stays it.
func TestImpliedRootOfNewCell(t *testing.T) {
	h := newHost(t)
	h.converge(implied(theSide, nil), Options{})
	if got := recordedRoots(h.prior)[theCell]; got != theSide {
		t.Errorf("the root is %s", got)
	}
	if p := h.plan(implied(theRoot, nil), Options{}); !p.Empty() {
		t.Errorf("another order changes\n%s", text(p))
	}
}

// Of a cell that is not declared the recorded root stays the root, too, and so does one that is managed elsewhere.
func TestRecordedRootElsewhere(t *testing.T) {
	h := made(t)
	only := example(func(s specs) {
		for _, p := range []resource.Path{theRealm, theSpace, theStack, theCell, theSide} {
			delete(s, p)
		}
		container(s, theRoot).Root = false
	})
	if p := h.plan(only, Options{}); !p.Empty() {
		t.Errorf("of an undeclared cell:\n%s", text(p))
	}
	elsewhere := implied(theAgent, withAgent)
	elsewhere.Resource(theRoot).External = true
	h.prior.Records[theRoot].Status.Project = "other"
	compare(t, changesOf(h.converge(elsewhere, Options{})), "create main/default/blog/web/agent\n")
}

// Who ignores changes of the root keeps what is recorded, and one root.
func TestRecordedRootIgnored(t *testing.T) {
	for _, name := range []string{"root", "*"} {
		for _, p := range []resource.Path{theRoot, theSide} {
			desired := implied(theSide, nil)
			desired.Resource(p).Lifecycle = &resource.Lifecycle{IgnoreChanges: []string{name}}
			if pl := made(t).plan(desired, Options{}); !pl.Empty() {
				t.Errorf("%s of %s:\n%s", name, p, text(pl))
			}
		}
	}
}

// A root container that only its labels tell of is the root as well.
func TestRootOfLabelsStays(t *testing.T) {
	h := made(t)
	delete(h.prior.Records, theRoot)
	compare(t, changesOf(h.converge(implied(theAgent, withAgent), Options{})), `adopt main/default/blog/web/web
  # an apply was interrupted before it could record this container
create main/default/blog/web/agent
`)
	h = made(t)
	delete(h.prior.Records, theRoot)
	delete(h.prior.Records, theSide)
	if p := h.converge(implied(theSide, nil), Options{}); p.Summary().Adopt != 2 {
		t.Errorf("of two:\n%s", text(p))
	}
}

// New leaves the tree that it is given as it is.
func TestSettledRootsAreCopies(t *testing.T) {
	h, desired := made(t), implied(theSide, nil)
	h.plan(desired, Options{})
	if side := desired.Resource(theSide); !side.ImpliedRoot || !side.Spec.(*resource.Container).Root || desired.Resource(theRoot).Spec.(*resource.Container).Root {
		t.Error("the desired tree was changed")
	}
	// The host is looked at for the containers as they will be.
	wanted := Wanted(desired, h.prior, Options{Project: "default"})
	if wanted.Resource(theSide).Spec.(*resource.Container).Root || !wanted.Resource(theRoot).Spec.(*resource.Container).Root {
		t.Error("another root is looked at than is planned")
	}
}

// The plan is saved with the roots that it was made for, and what is looked at for it again has them.
func TestSavedPlanHoldsRoots(t *testing.T) {
	h := made(t)
	p := h.plan(implied(theAgent, func(s specs) { withAgent(s); container(s, theRoot).Image = "web:2" }), Options{})
	again, err := plan.Decode(forge(t, p))
	if err != nil {
		t.Fatal(err)
	}
	wants := again.Wants()
	if !wants.Resource(theRoot).Spec.(*resource.Container).Root || wants.Resource(theAgent).Spec.(*resource.Container).Root {
		t.Errorf("the plan wants %+v and %+v", wants.Resource(theRoot).Spec, wants.Resource(theAgent).Spec)
	}
	h.refresh(wants)
	if err := CheckHost(again, h.prior, h.actual); err != nil {
		t.Error(err)
	}
}

// What a recorded root can't do is refused, where the configuration was only checked for the one that it implies.
func TestRecordedRootRefusals(t *testing.T) {
	const otherCell = theStack + "/job"
	on := func(name string, condition resource.Condition) []resource.Dependency {
		return []resource.Dependency{{Name: name, Condition: condition}}
	}
	for _, tt := range []struct {
		name    string
		edit    func(specs)
		refers  bool
		summary string
		path    resource.Path
		detail  string
	}{
		{
			name: "it depends on a sidecar", edit: func(s specs) { container(s, theRoot).DependsOn = on("agent", "") },
			summary: "Dependency cycle", path: theRoot, detail: "starts before every other, but it depends on " + string(theAgent),
		},
		{name: "it refers to a sidecar", refers: true, summary: "Dependency cycle", path: theRoot, detail: "but it refers to " + string(theAgent)},
		{
			name: "a sidecar waits for its end", edit: func(s specs) { container(s, theAgent).DependsOn = on("web", resource.Completed) },
			summary: "Impossible condition", path: theAgent, detail: "its end takes the network from all of the cell",
		},
		{
			name: "another cell waits for its end", edit: func(s specs) {
				container(s, theRoot).RestartPolicy = "always"
				s[otherCell] = &resource.Cell{DependsOn: []resource.CellDependency{{Name: string(theCell), Condition: resource.Completed}}}
			},
			summary: "Impossible condition", path: otherCell, detail: "the restart policy of its root container web is always",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			desired := implied(theAgent, func(s specs) {
				withAgent(s)
				if tt.edit != nil {
					tt.edit(s)
				}
			})
			if tt.refers {
				desired.Resource(theRoot).References = []resource.Path{theAgent}
			}
			_, diags := made(t).new(desired, Options{})
			wantError(t, diags, tt.summary, tt.path, tt.detail)
		})
	}
}

// A container that is imported, and comes first, is not the root.
func TestImportedIsNotTheRoot(t *testing.T) {
	h := made(t)
	spec := &resource.Container{Image: "agent:1"}
	h.local[plan.ImageKey{Namespace: "kukeon-main", Reference: "agent:1"}] = true
	h.actual.Namespaces["kukeon-main"].Containers["foreign"] = &plan.Container{ID: "foreign", Status: plan.TaskRunning, NetNS: 4711, Labels: map[string]string{}}
	record := Imported(h.prior, theAgent, "foreign", "default", spec, digestOf("agent:1"), at)
	p := h.plan(implied(theAgent, withAgent), Options{Imports: []plan.Import{{Record: record}}})
	if len(p.Changes) != 0 || len(p.Imports) != 1 {
		t.Errorf("plan\n%s", text(p))
	}
}

// Expressions of the configuration are told which container is the root.
func TestComputedRoots(t *testing.T) {
	h := made(t)
	known := plan.Computed(h.plan(implied(theAgent, withAgent), Options{}), h.prior)
	if known[theRoot]["root"] != "true" || known[theAgent]["root"] != "false" || known[theSide]["root"] != "false" {
		t.Errorf("planned: %v", known)
	}
}
