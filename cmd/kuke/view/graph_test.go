package view

import (
	"testing"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/planner"
)

func TestGraph(t *testing.T) {
	all := specs{
		"main": &realm.Realm{}, "main/front": &realm.Space{}, "main/back": &realm.Space{}, "main/front/app": &realm.Stack{},
		"main/front/app/web": &realm.Cell{DependsOn: []realm.CellDependency{{Name: "main/back/app/db", Condition: realm.Healthy}}},
		// Also through b, but not what it waits for.
		"main/front/app/web/a": &realm.Container{Root: true},
		"main/front/app/web/b": &realm.Container{DependsOn: []realm.Dependency{{Name: "a"}}, Networks: []string{"back"}},
		"main/front/app/web/c": &realm.Container{DependsOn: []realm.Dependency{{Name: "a", Condition: realm.Completed}, {Name: "b"}}},
	}
	resources := tree(all)
	resources.Add(&realm.Resource{Path: "main/back/app", Spec: &realm.Stack{}, External: true})
	resources.Resource("main/front/app/web").References = []realm.Path{"main/back"}
	steps := plan(t, func(s specs) {
		s[cell+"/root"].(*realm.Container).Image = "docker.io/library/nginx:2"
		s["main/new"] = &realm.Space{}
	}, planner.Options{})
	steps.Steps[0].Image = &planner.Image{Namespace: "kukeon-main", Reference: "quoted\"\\\x1b[31m"}
	for _, format := range GraphFormats {
		draw := func(what func(v *View) error) func(*View) {
			return func(v *View) {
				if err := what(v); err != nil {
					t.Error(err)
				}
			}
		}
		golden(t, "dependencies."+format, true, draw(func(v *View) error { return v.Dependencies(resources, format) }))
		golden(t, "steps."+format, true, draw(func(v *View) error { return v.Steps(steps, format) }))
	}
}
