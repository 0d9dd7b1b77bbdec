package planner

import (
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

func TestTargets(t *testing.T) {
	runChanges(t, []change{
		{
			name: "target a container: its root comes along",
			edit: func(s specs) {
				container(s, theRoot).Image, container(s, theSide).Image = "web:2", "side:2"
				s[theSpace].(*resource.Space).Labels = map[string]string{"a": "b"}
				s[theCell+"/new"] = &resource.Container{Image: "side:1"}
				s["main/other"] = &resource.Space{}
			},
			opts: Options{Targets: []resource.Path{theSide}},
			want: `
update main/default
  labels["a"]: <nil> -> b
replace main/default/blog/web/web
  !image: web:1 -> web:2
replace main/default/blog/web/side
  !image: side:1 -> side:2
`},
		{
			name: "target the root container: the others come along when they must",
			edit: func(s specs) { container(s, theRoot).Image = "web:2" },
			opts: Options{Targets: []resource.Path{theRoot}},
			want: `
replace main/default/blog/web/web
  !image: web:1 -> web:2
replace main/default/blog/web/side
  # replaced because root container main/default/blog/web/web is replaced
`},
		{
			name: "target the root container, which is updated: the others don't",
			edit: func(s specs) {
				container(s, theRoot).Labels = map[string]string{"a": "b"}
				container(s, theSide).Image = "side:2"
			},
			opts: Options{Targets: []resource.Path{theRoot}},
			want: `
update main/default/blog/web/web
  labels["a"]: <nil> -> b
`},
		{
			name: "target a container: what it depends on comes along",
			edit: func(s specs) {
				container(s, theSide).DependsOn = []resource.Dependency{{Name: "b"}}
				s[theCell+"/a"] = &resource.Container{Image: "side:1"}
				s[theCell+"/b"] = &resource.Container{Image: "side:1"}
			},
			opts: Options{Targets: []resource.Path{theSide}},
			want: `
create main/default/blog/web/b
update main/default/blog/web/side
  dependsOn["b"]: <nil> -> true
`},
		{
			name: "target what is no longer wanted: what is above it stays",
			edit: func(s specs) {
				for _, p := range []resource.Path{theStack, theCell, theRoot, theSide} {
					delete(s, p)
				}
			},
			opts: Options{Targets: []resource.Path{theCell}},
			want: `
delete main/default/blog/web
  # no longer in the configuration
delete main/default/blog/web/web
delete main/default/blog/web/side
`},
		{
			name: "target a container in a realm that is replaced: everything comes along",
			edit: func(s specs) {
				s[theRealm].(*resource.Realm).Namespace = "other"
				delete(s, theSide)
			},
			opts: Options{Targets: []resource.Path{theRoot}},
			want: `
replace main
  !namespace: <nil> -> other
replace main/default
  # replaced because realm main is replaced
replace main/default/blog
  # replaced because realm main is replaced
replace main/default/blog/web
  # replaced because realm main is replaced
replace main/default/blog/web/web
  # replaced because realm main is replaced
delete main/default/blog/web/side
  # no longer in the configuration
`},
		{
			name: "destroy a target: what is above it stays",
			opts: Options{Destroy: true, Targets: []resource.Path{theSide}},
			want: `
delete main/default/blog/web/side
`},
		{
			name: "destroy the root container: the others go with it",
			opts: Options{Destroy: true, Targets: []resource.Path{theRoot}},
			want: `
delete main/default/blog/web/web
delete main/default/blog/web/side
`},
		{
			name: "destroy a stack",
			opts: Options{Destroy: true, Targets: []resource.Path{theStack}},
			want: `
delete main/default/blog
delete main/default/blog/web
delete main/default/blog/web/web
delete main/default/blog/web/side
`},
	})
}
