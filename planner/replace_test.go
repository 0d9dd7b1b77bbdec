package planner

import (
	"testing"

	"github.com/kukeon/kuke/config/realm"
)

func TestReplace(t *testing.T) {
	runChanges(t, []change{
		{
			name: "a container",
			opts: Options{Replace: []realm.Path{theSide}},
			want: `
replace main/default/blog/web/side
  # replaced as asked with --replace
`},
		{
			name: "the root container: the others come along",
			opts: Options{Replace: []realm.Path{theRoot}},
			want: `
replace main/default/blog/web/web
  # replaced as asked with --replace
replace main/default/blog/web/side
  # replaced because root container main/default/blog/web/web is replaced
`},
		{
			name: "all below, and what is new is created",
			edit: func(s specs) { s[theCell+"/new"] = &realm.Container{Image: "side:1"} },
			opts: Options{Replace: []realm.Path{theStack}},
			want: `
replace main/default/blog/web/web
  # replaced as asked with --replace
create main/default/blog/web/new
replace main/default/blog/web/side
  # replaced as asked with --replace
`},
		{
			name: "one that changes anyway",
			edit: func(s specs) { container(s, theSide).Image = "side:2" },
			opts: Options{Replace: []realm.Path{theSide}},
			want: `
replace main/default/blog/web/side
  !image: side:1 -> side:2
`},
		{
			name: "one that changes in place",
			edit: func(s specs) { container(s, theSide).Labels = map[string]string{"a": "b"} },
			opts: Options{Replace: []realm.Path{theSide}, Targets: []realm.Path{theCell}},
			want: `
replace main/default/blog/web/side
  # replaced as asked with --replace
  labels["a"]: <nil> -> b
`},
		{
			name: "one that is stopped by hand",
			host: func(h *host) { h.operation(Operation{Action: Stop, Paths: []realm.Path{theSide}}) },
			opts: Options{Replace: []realm.Path{theSide}},
			want: `
replace main/default/blog/web/side
  # replaced as asked with --replace
`},
		{
			name: "one that no state knows any more",
			host: func(h *host) { delete(h.prior.Records, theSide) },
			opts: Options{Replace: []realm.Path{theSide}},
			want: `
replace main/default/blog/web/side
  # replaced as asked with --replace
  !image: <nil> -> side:1
`},
	})
}
