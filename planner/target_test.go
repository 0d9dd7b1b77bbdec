package planner

import (
	"testing"

	"github.com/kukeon/kuke/config/realm"
)

func TestTargets(t *testing.T) {
	runChanges(t, []change{
		{
			name: "target a container: its root comes along",
			edit: func(s specs) {
				container(s, theRoot).Image, container(s, theSide).Image = "web:2", "side:2"
				s[theSpace].(*realm.Space).Labels = map[string]string{"a": "b"}
				s[theCell+"/new"] = &realm.Container{Image: "side:1"}
				s["main/other"] = &realm.Space{}
			},
			opts: Options{Targets: []realm.Path{theSide}},
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
			opts: Options{Targets: []realm.Path{theRoot}},
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
			opts: Options{Targets: []realm.Path{theRoot}},
			want: `
update main/default/blog/web/web
  labels["a"]: <nil> -> b
`},
		{
			name: "target a container: what it depends on comes along",
			edit: func(s specs) {
				container(s, theSide).DependsOn = []realm.Dependency{{Name: "b"}}
				s[theCell+"/a"] = &realm.Container{Image: "side:1"}
				s[theCell+"/b"] = &realm.Container{Image: "side:1"}
			},
			opts: Options{Targets: []realm.Path{theSide}},
			want: `
create main/default/blog/web/b
update main/default/blog/web/side
  dependsOn["b"]: <nil> -> true
`},
		{
			name: "target what is no longer wanted: what is above it stays",
			edit: func(s specs) {
				for _, p := range []realm.Path{theStack, theCell, theRoot, theSide} {
					delete(s, p)
				}
			},
			opts: Options{Targets: []realm.Path{theCell}},
			want: `
delete main/default/blog/web
  # no longer in the configuration
delete main/default/blog/web/web
delete main/default/blog/web/side
`},
		{
			name: "target a container in a realm that is replaced: everything comes along",
			edit: func(s specs) {
				s[theRealm].(*realm.Realm).Namespace = "other"
				delete(s, theSide)
			},
			opts: Options{Targets: []realm.Path{theRoot}},
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
			opts: Options{Destroy: true, Targets: []realm.Path{theSide}},
			want: `
delete main/default/blog/web/side
`},
		{
			name: "destroy the root container: the others go with it",
			opts: Options{Destroy: true, Targets: []realm.Path{theRoot}},
			want: `
delete main/default/blog/web/web
delete main/default/blog/web/side
`},
		{
			name: "destroy a stack",
			opts: Options{Destroy: true, Targets: []realm.Path{theStack}},
			want: `
delete main/default/blog
delete main/default/blog/web
delete main/default/blog/web/web
delete main/default/blog/web/side
`},
	})
}
