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

func TestExclude(t *testing.T) {
	runChanges(t, []change{
		{
			name: "exclude a container: the rest changes",
			edit: func(s specs) {
				container(s, theSide).Image = "side:2"
				container(s, theSide).Ports = []string{"8088:80"}
				s["main/other"] = &resource.Space{}
			},
			opts: Options{Exclude: []resource.Path{theSide}},
			want: `
create main/other
`},
		{
			name: "exclude a root container: the others of its cell depend on it",
			edit: func(s specs) {
				container(s, theRoot).Image, container(s, theSide).Image = "web:2", "side:2"
				s[theSpace].(*resource.Space).Labels = map[string]string{"a": "b"}
				s[theCell+"/new"] = &resource.Container{Image: "side:1"}
			},
			opts: Options{Exclude: []resource.Path{theRoot}},
			want: `
update main/default
  labels["a"]: <nil> -> b
`},
		{
			name: "exclude a new cell: cells that depend on it are not created either",
			edit: func(s specs) {
				s[theStack+"/db"] = &resource.Cell{}
				s[theStack+"/db/db"] = &resource.Container{Image: "side:1", Root: true}
				s[theStack+"/api"] = &resource.Cell{DependsOn: []resource.CellDependency{{Name: string(theStack + "/db")}}}
				s[theStack+"/api/api"] = &resource.Container{Image: "side:1", Root: true}
				s[theStack+"/job"] = &resource.Cell{}
			},
			opts: Options{Exclude: []resource.Path{theStack + "/db"}},
			want: `
create main/default/blog/job
`},
		{
			name: "exclude a container that is no longer wanted: neither it nor its parents are destroyed",
			edit: func(s specs) {
				for _, p := range []resource.Path{theStack, theCell, theRoot, theSide} {
					delete(s, p)
				}
			},
			opts: Options{Exclude: []resource.Path{theRoot}},
			want: "",
		},
		{
			name: "destroy all but the root container, and all that it needs",
			opts: Options{Destroy: true, Exclude: []resource.Path{theRoot}},
			want: `
delete main/default/blog/web/side
`,
		},
		{
			name: "destroy all but a container, which needs the root container",
			edit: func(s specs) {},
			host: func(h *host) {
				h.converge(example(func(s specs) { s[theStack+"/job"] = &resource.Cell{}; s["main/other"] = &resource.Space{} }), Options{})
			},
			opts: Options{Destroy: true, Exclude: []resource.Path{theSide}},
			want: `
delete main/default/blog/job
delete main/other
`},
	})
}
