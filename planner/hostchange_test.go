package planner

import (
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

func TestHostChanges(t *testing.T) {
	runChanges(t, []change{
		{
			name: "task of a container exited",
			host: func(h *host) { h.kill(theSide, 3) },
			want: `
start main/default/blog/web/side
  # it exited with code 3
`,
			more: func(t *testing.T, p *plan.Plan) {
				if s := p.Summary(); s != (plan.Summary{Start: 1}) {
					t.Errorf("summary %+v", s)
				}
			}},
		{
			name: "task is missing, another was never started, one more is unknown",
			edit: func(s specs) { s[theCell+"/more"] = &resource.Container{Image: "side:1"} },
			host: func(h *host) {
				h.apply(h.plan(example(func(s specs) { s[theCell+"/more"] = &resource.Container{Image: "side:1"} }), Options{}))
				for p, status := range map[resource.Path]plan.TaskStatus{theCell + "/more": plan.TaskUnknown, theSide: plan.TaskCreated} {
					h.at(p).Status, h.at(p).NetNS = status, 0
				}
				h.at(theRoot).Status, h.at(theRoot).NetNS = plan.TaskNone, 0
			},
			want: `
start main/default/blog/web/web
  # its task is missing
start main/default/blog/web/more
  # containerd does not know the state of its task
start main/default/blog/web/side
  # its task was never started
`},
		{
			name: "task of the root container exited",
			host: func(h *host) { h.kill(theRoot, 0); delete(h.pins, theCell) },
			want: `
start main/default/blog/web/web
  # it exited with code 0
restart main/default/blog/web/side
  # restarted because root container main/default/blog/web/web is started with a new network namespace
`,
			more: func(t *testing.T, p *plan.Plan) {
				_, steps, _ := strings.Cut(text(p), "--\n")
				compare(t, steps, `
0 stop main/default/blog/web/side
1 start main/default/blog/web/web after [0]
2 start main/default/blog/web/side after [0 1]
`)
			}},
		{
			name: "an update and a start at once",
			edit: func(s specs) { container(s, theSide).Labels = map[string]string{"a": "b"} },
			host: func(h *host) { h.kill(theRoot, 0); delete(h.pins, theCell) },
			want: `
start main/default/blog/web/web
  # it exited with code 0
update main/default/blog/web/side and start
  # restarted because root container main/default/blog/web/web is started with a new network namespace
  labels["a"]: <nil> -> b
`},
		{
			name: "paused",
			host: func(h *host) { h.at(theSide).Status = plan.TaskPaused },
			want: `
unpause main/default/blog/web/side
  # changed outside of kuke: it is paused
`},
		{
			name: "in a strange network namespace",
			host: func(h *host) { h.at(theSide).NetNS = 77 },
			want: `
restart main/default/blog/web/side
  # restarted because it is not in the network namespace of its cell
`},
		{
			name: "container was removed",
			host: func(h *host) { delete(h.actual.Namespaces["kukeon-main"].Containers, resource.ContainerID(theSide)) },
			want: `
create main/default/blog/web/side
  # removed outside of kuke: containerd does not have the container
`},
		{
			name: "root container was removed",
			host: func(h *host) { delete(h.actual.Namespaces["kukeon-main"].Containers, resource.ContainerID(theRoot)) },
			want: `
create main/default/blog/web/web
  # removed outside of kuke: containerd does not have the container
replace main/default/blog/web/side
  # replaced because root container main/default/blog/web/web is created
`},
		{
			name: "container was made anew by another hand",
			host: func(h *host) { h.at(theSide).Labels[plan.LabelSpecDigest] = "sha256:other" },
			want: `
replace main/default/blog/web/side
  # changed outside of kuke: containerd's container is not the one that was made
`},
		{
			name: "namespace was removed",
			host: func(h *host) {
				delete(h.actual.Namespaces, "kukeon-main")
				clear(h.local)
			},
			want: `
update main
  # containerd namespace kukeon-main is missing
create main/default/blog/web/web
  # removed outside of kuke: containerd does not have the container
create main/default/blog/web/side
  # removed outside of kuke: containerd does not have the container
`},
		{
			name: "cgroup was removed",
			host: func(h *host) { delete(h.actual.Cgroups, "/kukeon/main/default") },
			want: `
update main/default
  # cgroup /kukeon/main/default is missing
`},
		{
			name: "limits were changed",
			edit: func(s specs) { s[theCell].(*resource.Cell).Resources = &resource.Resources{Memory: 1 << 20, PIDs: 5} },
			host: func(h *host) {
				h.apply(h.plan(example(func(s specs) { s[theCell].(*resource.Cell).Resources = &resource.Resources{Memory: 1 << 20, PIDs: 5} }), Options{}))
				h.actual.Cgroups["/kukeon/"+string(theCell)] = resource.Resources{Memory: 2 << 20, CPUs: 1}
			},
			want: `
update main/default/blog/web
  # limits changed outside of kuke: memory 1MiB → 2MiB, memorySwap 2MiB → unset, pids 5 → unset, cpus unset → 1
`},
		{
			name: "swap was let go",
			edit: func(s specs) {
				s[theCell].(*resource.Cell).Resources = &resource.Resources{Memory: 1 << 20, MemorySwap: 1 << 20}
			},
			host: func(h *host) {
				h.apply(h.plan(example(func(s specs) {
					s[theCell].(*resource.Cell).Resources = &resource.Resources{Memory: 1 << 20, MemorySwap: 1 << 20}
				}), Options{}))
				h.actual.Cgroups["/kukeon/"+string(theCell)] = resource.Resources{Memory: 1 << 20, MemorySwap: resource.Unlimited}
			},
			want: `
update main/default/blog/web
  # limits changed outside of kuke: memorySwap 1MiB → -1
`},
		{
			name: "a cgroup is frozen",
			host: func(h *host) {
				h.actual.Frozen = map[string]bool{"/kukeon/" + string(theStack): true, "/kukeon/" + string(theSide) + "_side": true}
			},
			want: `
update main/default/blog
  # changed outside of kuke: its cgroup is frozen
`},
		{
			name: "limits of what sets none",
			host: func(h *host) { h.actual.Cgroups["/kukeon/"+string(theCell)] = resource.Resources{Memory: 2 << 20} },
			want: `
update main/default/blog/web
  # limits changed outside of kuke: memory unset → 2MiB
`},
	})
}
