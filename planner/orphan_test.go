package planner

import (
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// renamed gives the container at p, which had another name, its id of before, and removes its record.
func (h *host) renamed(p resource.Path) {
	ns, c := h.actual.Namespaces["kukeon-main"], h.at(p)
	delete(ns.Containers, c.ID)
	c.ID += "-before"
	c.Labels[plan.LabelID] = c.ID
	ns.Containers[c.ID] = c
	delete(h.prior.Records, p)
}

func TestUnrecorded(t *testing.T) {
	runChanges(t, []change{
		{
			name: "unrecorded and as wanted",
			host: func(h *host) { delete(h.prior.Records, theSide) },
			want: `
adopt main/default/blog/web/side
  # an apply was interrupted before it could record this container
`,
			more: func(t *testing.T, p *plan.Plan) {
				if c := p.Changes[0]; c.After.Status.ImageDigest != digestOf("side:1") || p.Summary() != (plan.Summary{Adopt: 1}) {
					t.Errorf("status %+v, summary %+v", c.After.Status, p.Summary())
				}
			}},
		{
			name: "unrecorded and different",
			edit: func(s specs) { container(s, theSide).Image = "side:2" },
			host: func(h *host) { delete(h.prior.Records, theSide) },
			want: `
replace main/default/blog/web/side
  # an interrupted apply left it unrecorded, and it differs from the configuration
  !image: <nil> -> side:2
`},
		{
			name: "unrecorded and renamed before",
			host: func(h *host) { h.renamed(theSide) },
			want: `
replace main/default/blog/web/side
  # it was renamed, and the record of that is gone
  !image: <nil> -> side:1
`},
		{
			name: "unrecorded root container that was renamed before",
			host: func(h *host) { h.renamed(theRoot) },
			want: `
replace main/default/blog/web/web
  # it was renamed, and the record of that is gone
  !root: <nil> -> true
  !image: <nil> -> web:1
replace main/default/blog/web/side
  # replaced because root container main/default/blog/web/web is replaced
`},
		{
			name: "unrecorded, renamed before, and unwanted",
			edit: func(s specs) { delete(s, theSide) },
			host: func(h *host) { h.renamed(theSide) },
			want: `
delete main/default/blog/web/side
  # left unrecorded by an apply that was interrupted
`},
		{
			name: "unrecorded and not running",
			host: func(h *host) {
				h.kill(theSide, 0)
				delete(h.prior.Records, theSide)
			},
			want: `
replace main/default/blog/web/side
  # an apply was interrupted while it made this container
  !image: <nil> -> side:1
`},
		{
			name: "unrecorded in another network namespace",
			host: func(h *host) {
				h.at(theSide).NetNS = 77
				delete(h.prior.Records, theSide)
			},
			want: `
replace main/default/blog/web/side
  # it is not in the network namespace of its cell
  !image: <nil> -> side:1
`},
		{
			name: "unrecorded below a root container that is started",
			host: func(h *host) {
				h.kill(theRoot, 1)
				delete(h.pins, theCell)
				delete(h.prior.Records, theSide)
			},
			want: `
start main/default/blog/web/web
  # it exited with code 1
replace main/default/blog/web/side
  # it was left unrecorded by an apply that was interrupted
  !image: <nil> -> side:1
`},
		{
			name: "unrecorded and not wanted",
			edit: func(s specs) { delete(s, theSide) },
			host: func(h *host) { delete(h.prior.Records, theSide) },
			want: `
delete main/default/blog/web/side
  # left unrecorded by an apply that was interrupted
`},
		{
			name: "unrecorded, not wanted and of another project",
			edit: func(s specs) { delete(s, theSide) },
			host: func(h *host) {
				delete(h.prior.Records, theSide)
				h.at(theSide).Labels[plan.LabelProject] = "other"
			},
			opts: Options{},
		},
		{
			name: "everything unrecorded",
			host: func(h *host) { clear(h.prior.Records) },
			want: `
create main
create main/default
create main/default/blog
create main/default/blog/web
replace main/default/blog/web/web
  # its cell is not recorded, so that its addresses are not known
  !root: <nil> -> true
  !image: <nil> -> web:1
replace main/default/blog/web/side
  # its cell is not recorded, so that its addresses are not known
  !image: <nil> -> side:1
`},
		{
			name: "everything unrecorded, and destroy",
			host: func(h *host) { clear(h.prior.Records) },
			opts: Options{Destroy: true},
			want: `
delete main
  # left unrecorded by an apply that was interrupted
delete main/default/blog/web/side
  # left unrecorded by an apply that was interrupted
delete main/default/blog/web/web
  # left unrecorded by an apply that was interrupted
`},
	})
}

func TestOrphansInTwoNamespaces(t *testing.T) {
	h := made(t)
	delete(h.prior.Records, theSide)
	twin := *h.at(theSide)
	for _, name := range []string{"a", "z"} {
		h.actual.Namespaces[name] = &plan.Namespace{Containers: map[string]*plan.Container{twin.ID: &twin}}
	}
	first := text(h.plan(example(nil), Options{}))
	for range 20 {
		if again := text(h.plan(example(nil), Options{})); again != first {
			t.Fatalf("first\n%s\nthen\n%s", first, again)
		}
	}
}
