package planner

import (
	"strings"
	"testing"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// A project that has no name but that of its directory destroys and replaces nothing that was applied from another one.
func TestProjectOfAnotherDirectory(t *testing.T) {
	at := time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	here, there := state.Application{Directory: "/b/shop"}, state.Application{Directory: "/a/shop", Host: "web1", User: "ann", At: at}
	create := func(s specs) { s["second"] = &resource.Realm{} }
	remove := func(s specs) { delete(s, theSide) }
	replace := func(s specs) { container(s, theSide).User = "root" }
	both := func(s specs) { remove(s); container(s, theRoot).User = "root" }
	for _, tt := range []struct {
		name    string
		applied []state.Application
		edit    func(specs)
		opts    Options
		want    string // part of the error, empty for none
	}{
		{name: "create", applied: []state.Application{there}, edit: create},
		{name: "delete", applied: []state.Application{there}, edit: remove, want: "This would destroy 1 resource of project \"default\": container main/default/blog/web/side is the first. But the project was applied from /a/shop on host web1 by ann at 2026-11-30T08:00:00Z, and this directory is /b/shop. Both have only the name default in common."},
		{name: "replace", applied: []state.Application{there}, edit: replace, want: "This would replace 1 resource of"},
		{name: "delete and replace", applied: []state.Application{there}, edit: both, want: "This would destroy 1 and replace 1 resources of"},
		{name: "destroy", applied: []state.Application{there}, opts: Options{Destroy: true}, want: "This would destroy 6 resources of"},
		{name: "what to do", applied: []state.Application{there}, edit: remove, want: `If they are one project, confirm it with --project default or kuke { project = "default" } in the configuration. If they are not, choose another name in the same way.`},
		{name: "the same directory", applied: []state.Application{here}, edit: remove},
		{name: "destroy in the same directory", applied: []state.Application{here}, opts: Options{Destroy: true}},
		{name: "both directories", applied: []state.Application{there, here}, edit: remove, want: "/a/shop"},
		{name: "an unknown directory", edit: remove, want: "applied from a directory that is not recorded"},
		{name: "an unknown directory before", applied: []state.Application{{}, here}, edit: remove, want: "applied from a directory that is not recorded"},
		{name: "an unknown directory, nothing lost", edit: create},
		{name: "a given name", applied: []state.Application{there}, edit: both, opts: Options{Directory: "/b/shop"}},
		{name: "by hand", applied: []state.Application{there}, opts: Options{Destroy: true, ByHand: true, Targets: []resource.Path{theSide}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := made(t)
			h.prior.Projects = state.Projects{"default": tt.applied}
			opts := tt.opts
			if opts.Directory == "" {
				opts.Directory, opts.Unnamed = "/b/shop", true
			}
			opts.Project = "default"
			plan, diags := New(example(tt.edit), h.prior, h.actual, opts)
			switch {
			case tt.want == "" && diags.HasErrors():
				t.Error(diags)
			case tt.want != "" && (plan != nil || !strings.Contains(diags.Error(), tt.want)):
				t.Errorf("got %v, want %q", diags, tt.want)
			case tt.want == "" && !tt.opts.Destroy && (plan.Directory != "/b/shop" || plan.Unnamed != opts.Unnamed):
				t.Errorf("the plan is of directory %q, unnamed %t", plan.Directory, plan.Unnamed)
			case tt.want == "" && tt.opts.Destroy && plan.Directory != "":
				t.Errorf("a destroy records the directory %q", plan.Directory)
			}
		})
	}
}

func TestUnnamedProjectMeetsAnother(t *testing.T) {
	h := made(t)
	_, diags := New(example(nil), h.prior, h.actual, Options{Project: "shop", Directory: "/shop", Unnamed: true})
	if want := `if it is project default, name it: kuke { project = "default" }, or --project default`; !strings.Contains(diags.Error(), want) {
		t.Errorf("got %v, want %q", diags, want)
	}
}
