package view

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
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

// A drawing is XML, whatever the texts in it.
func TestSVGIsWellFormed(t *testing.T) {
	text := "</title><script>alert(1)</script>&\x00\x1b[31m\"'\uFFFE\xff" + strings.Repeat("x", 200)
	p := &plan.Plan{Steps: []plan.Step{{Op: plan.OpImage, Image: &plan.Image{Namespace: text, Reference: text}}, {Op: plan.OpCreate, Path: "main", After: []int{0}}}}
	var b strings.Builder
	if err := newView(&b, false).Steps(p, "svg"); err != nil {
		t.Fatal(err)
	}
	titles := []string{}
	inTitle := false
	for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if inTitle = token.Name.Local == "title"; token.Name.Local == "script" {
				t.Error("a script")
			}
		case xml.CharData:
			if inTitle {
				titles = append(titles, string(token))
			}
			inTitle = false
		}
	}
	if len(titles) != 2 || !strings.HasPrefix(titles[0], "image </title><script>alert(1)</script>&") || titles[1] != "create realm main" {
		t.Errorf("titles: %q", titles)
	}
}
