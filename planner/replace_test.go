package planner

import (
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

func TestReplace(t *testing.T) {
	runChanges(t, []change{
		{
			name: "a container",
			opts: Options{Replace: []resource.Path{theSide}},
			want: `
replace main/default/blog/web/side
  # replaced as asked with --replace
`},
		{
			name: "the root container: the others come along",
			opts: Options{Replace: []resource.Path{theRoot}},
			want: `
replace main/default/blog/web/web
  # replaced as asked with --replace
replace main/default/blog/web/side
  # replaced because root container main/default/blog/web/web is replaced
`},
		{
			name: "all below, and what is new is created",
			edit: func(s specs) { s[theCell+"/new"] = &resource.Container{Image: "side:1"} },
			opts: Options{Replace: []resource.Path{theStack}},
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
			opts: Options{Replace: []resource.Path{theSide}},
			want: `
replace main/default/blog/web/side
  !image: side:1 -> side:2
`},
		{
			name: "one that changes in place",
			edit: func(s specs) { container(s, theSide).Labels = map[string]string{"a": "b"} },
			opts: Options{Replace: []resource.Path{theSide}, Targets: []resource.Path{theCell}},
			want: `
replace main/default/blog/web/side
  # replaced as asked with --replace
  labels["a"]: <nil> -> b
`},
		{
			name: "one that is stopped by hand",
			host: func(h *host) { h.operation(Operation{Action: plan.Stop, Paths: []resource.Path{theSide}}) },
			opts: Options{Replace: []resource.Path{theSide}},
			want: `
replace main/default/blog/web/side
  # replaced as asked with --replace
`},
		{
			name: "one that no state knows any more",
			host: func(h *host) { delete(h.prior.Records, theSide) },
			opts: Options{Replace: []resource.Path{theSide}},
			want: `
replace main/default/blog/web/side
  # replaced as asked with --replace
  !image: <nil> -> side:1
`},
	})
}
