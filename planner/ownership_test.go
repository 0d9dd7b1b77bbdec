package planner

import (
	"maps"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

func TestOwnership(t *testing.T) {
	runChanges(t, []change{
		{
			name: "made by hand",
			host: func(h *host) { h.prior.Records[theSide].Status.Project = "" },
			want: `
update main/default/blog/web/side
  # made by hand, now taken into project "default"
`},
		{
			name: "made by hand and not in the configuration",
			edit: func(s specs) { delete(s, theSide) },
			host: func(h *host) { h.prior.Records[theSide].Status.Project = "" },
		},
		{
			name: "made by hand in a cell that goes",
			edit: func(s specs) {
				delete(s, theCell)
				delete(s, theRoot)
				delete(s, theSide)
			},
			host: func(h *host) { h.prior.Records[theSide].Status.Project = "" },
			want: `
delete main/default/blog/web
  # no longer in the configuration
delete main/default/blog/web/web
delete main/default/blog/web/side
  # made by hand, deleted with cell main/default/blog/web
`},
		{
			name: "of another project and not in the configuration",
			edit: func(s specs) { delete(s, theSide) },
			host: func(h *host) { h.prior.Records[theSide].Status.Project = "other" },
		},
		{
			name: "made by hand in a realm that is replaced",
			edit: func(s specs) {
				maps.DeleteFunc(s, func(p resource.Path, _ resource.Spec) bool { return p != theRealm })
				s[theRealm].(*resource.Realm).Namespace = "other"
			},
			host: func(h *host) {
				for p, r := range h.prior.Records {
					if p != theRealm {
						r.Status.Project = ""
					}
				}
			},
			want: `
replace main
  !namespace: <nil> -> other
delete main/default
  # made by hand, deleted with realm main
delete main/default/blog
  # made by hand, deleted with space main/default
delete main/default/blog/web
  # made by hand, deleted with stack main/default/blog
delete main/default/blog/web/web
  # made by hand, deleted with cell main/default/blog/web
delete main/default/blog/web/side
  # made by hand, deleted with cell main/default/blog/web
`},
		{
			name: "only one container is declared, the others are none of its business",
			edit: func(s specs) {
				maps.DeleteFunc(s, func(p resource.Path, _ resource.Spec) bool { return p != theSide })
				container(s, theSide).User = "root"
			},
			want: `
replace main/default/blog/web/side
  !user: <nil> -> root
`},
		{
			name: "a realm and a container are declared: what is between stays",
			edit: func(s specs) {
				maps.DeleteFunc(s, func(p resource.Path, _ resource.Spec) bool { return p != theSide && p != theRealm })
			},
		},
		{
			name: "an empty configuration says nothing",
			edit: func(s specs) { clear(s) },
		},
		{
			name: "destroy",
			opts: Options{Destroy: true},
			want: `
delete main
delete main/default
delete main/default/blog
delete main/default/blog/web
delete main/default/blog/web/web
delete main/default/blog/web/side
`,
			more: func(t *testing.T, p *plan.Plan) {
				_, steps, _ := strings.Cut(text(p), "--\n")
				compare(t, steps, `
0 delete main/default/blog/web/side
1 delete main/default/blog/web/web after [0]
2 delete main/default/blog/web after [0 1]
3 delete main/default/blog after [2]
4 delete main/default after [3]
5 delete main after [4]
`)
			}},
		{
			name: "destroy by another project",
			opts: Options{Destroy: true, Project: "other"},
		},
	})
}

// What the plan may not touch loses its network with the root container, and that is said.
func TestLeftBehind(t *testing.T) {
	for project, want := range map[string]string{
		"":      "container main/default/blog/web/side was made by hand and stays as it is, but loses its network: root container main/default/blog/web/web is replaced.",
		"other": `container main/default/blog/web/side belongs to project "other" and stays as it is, but loses its network: root container main/default/blog/web/web is replaced.`,
	} {
		h := made(t)
		h.prior.Records[theSide].Status.Project = project
		alone := example(func(s specs) { delete(s, theSide) })
		if _, diags := h.new(alone, Options{Project: "default"}); len(diags) > 0 {
			t.Errorf("without a change: %v", diags)
		}
		replace := Options{Project: "default", Replace: []resource.Path{theRoot}}
		p, diags := h.new(alone, replace)
		if p == nil || len(diags) != 1 || diags[0].Severity != resource.Warning || !strings.HasPrefix(diags[0].Detail, want) {
			t.Errorf("project %q: %v", project, diags)
		}
		h.kill(theSide, 0)
		if _, diags := h.new(alone, replace); len(diags) > 0 {
			t.Errorf("it doesn't run: %v", diags)
		}
	}
}
