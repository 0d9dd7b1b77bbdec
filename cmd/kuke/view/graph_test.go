package view

import (
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
)

func TestGraph(t *testing.T) {
	all := specs{
		"main": &resource.Realm{}, "main/front": &resource.Space{}, "main/back": &resource.Space{}, "main/front/app": &resource.Stack{},
		"main/front/app/web": &resource.Cell{DependsOn: []resource.CellDependency{{Name: "main/back/app/db", Condition: resource.Healthy}}},
		// Also through b, but not its dependencies.
		"main/front/app/web/a": &resource.Container{Root: true},
		"main/front/app/web/b": &resource.Container{DependsOn: []resource.Dependency{{Name: "a"}}, Networks: []string{"back"}},
		"main/front/app/web/c": &resource.Container{DependsOn: []resource.Dependency{{Name: "a", Condition: resource.Completed}, {Name: "b"}}},
	}
	resources := tree(all)
	resources.Add(&resource.Resource{Path: "main/back/app", Spec: &resource.Stack{}, External: true})
	resources.Resource("main/front/app/web").References = []resource.Path{"main/back"}
	steps := planned(t, func(s specs) {
		s[cell+"/root"].(*resource.Container).Image = "docker.io/library/nginx:2"
		s["main/new"] = &resource.Space{}
	}, planner.Options{})
	steps.Steps[0].Image = &plan.Image{Namespace: "kukeon-main", Reference: "quoted\"\\\x1b[31m"}
	for _, format := range GraphFormats {
		draw := func(print func(v *View) error) func(*View) {
			return func(v *View) {
				if err := print(v); err != nil {
					t.Error(err)
				}
			}
		}
		golden(t, "dependencies."+format, true, draw(func(v *View) error { return v.Dependencies(resources, format) }))
		golden(t, "steps."+format, true, draw(func(v *View) error { return v.Steps(steps, format) }))
	}
}
