package planner

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

func TestNetworkDrift(t *testing.T) {
	published := func(s specs) { container(s, theRoot).Ports = []string{"8080:80"} }
	cell := func(reason string) string { return "\nupdate main/default/blog/web\n  # " + reason + "\n" }
	const noPin = "changed outside of kuke: the network namespace of its root container is not at hand"
	runChanges(t, []change{
		{name: "pin lost", host: func(h *host) { delete(h.pins, theCell) }, want: cell(noPin)},
		{
			name: "pin lost, interface gone",
			host: func(h *host) { clear(h.interfaces[h.pins[theCell]]); delete(h.pins, theCell) },
			want: cell(noPin + "\n  # changed outside of kuke: its interface eth0 is gone"),
		},
		{
			name: "pin lost, port not published", edit: published,
			host: func(h *host) {
				h.converge(example(published), Options{})
				clear(h.published)
				delete(h.pins, theCell)
			},
			want: cell(noPin + "\n  # changed outside of kuke: port 8080:80 is not published any more"),
		},
		{name: "pin of another namespace", host: func(h *host) { h.pins[theCell] = 77 }, want: cell(noPin)},
		{name: "interface gone", host: func(h *host) { clear(h.interfaces[h.pins[theCell]]) }, want: cell("changed outside of kuke: its interface eth0 is gone")},
		{
			name: "another address",
			host: func(h *host) { h.interfaces[h.pins[theCell]]["eth0"] = "192.0.2.1/24" },
			want: cell("changed outside of kuke: its interface eth0 has the address 192.0.2.1/24, not 10.88.0.2/24"),
		},
		{
			name: "port not published", edit: published,
			host: func(h *host) { h.converge(example(published), Options{}); clear(h.published) },
			want: cell("changed outside of kuke: port 8080:80 is not published any more"),
		},
		{
			name: "root container replaced, interface gone",
			edit: func(s specs) { container(s, theRoot).Image = "web:2" },
			host: func(h *host) { clear(h.interfaces[h.pins[theCell]]) },
			want: `
replace main/default/blog/web/web
  !image: web:1 -> web:2
replace main/default/blog/web/side
  # replaced because root container main/default/blog/web/web is replaced
`},
		{
			name: "root container replaced, cell attached anew",
			edit: func(s specs) {
				container(s, theRoot).Image, container(s, theRoot).Ports = "web:2", []string{"8080:80"}
				delete(s, theSide)
			},
			want: `
update main/default/blog/web
  published["8080:80"]: <nil> -> true
replace main/default/blog/web/web
  !image: web:1 -> web:2
  ports["8080:80"]: <nil> -> true
delete main/default/blog/web/side
  # no longer in the configuration
`,
			more: func(t *testing.T, p *plan.Plan) {
				wantOrder(t, p, "delete main/default/blog/web/web", "update main/default/blog/web")
				wantOrder(t, p, "update main/default/blog/web", "create main/default/blog/web/web")
			}},
		{name: "hosts edited", host: func(h *host) { h.hosts[theCell] = "" }, want: cell("changed outside of kuke: its /etc/hosts")},
		{
			name: "network of the space",
			host: func(h *host) { h.spaceDrift[theSpace] = []string{"changed outside of kuke: its bridge is gone"} },
			want: "\nupdate main/default\n  # changed outside of kuke: its bridge is gone\n",
		},
		{
			name: "made before there were networks",
			host: func(h *host) {
				h.prior.Records[theSpace].Status.Network, h.prior.Records[theCell].Status.Attachment = nil, nil
				clear(h.networks)
				clear(h.pins)
				clear(h.hosts)
			},
			want: `
update main/default
  # changed outside of kuke: its network is gone
  # it has no network yet
  subnet: <nil> -> 10.88.0.0/24
update main/default/blog/web
  # it has no address yet
  networks["default"]: <nil> -> 10.88.0.2/24
`},
		{
			name: "root container dead, pin intact: it starts alone",
			host: func(h *host) { h.kill(theRoot, 1) },
			want: "\nstart main/default/blog/web/web\n  # it exited with code 1\n",
		},
		{
			name: "root container dead, pin intact, interface gone",
			host: func(h *host) { h.kill(theRoot, 1); clear(h.interfaces[h.pins[theCell]]) },
			want: cell("changed outside of kuke: its interface eth0 is gone") + "start main/default/blog/web/web\n  # it exited with code 1\n",
			more: func(t *testing.T, p *plan.Plan) {
				wantOrder(t, p, "update main/default/blog/web", "start main/default/blog/web/web")
			}},
		{
			name: "root container dead, another namespace pinned",
			host: func(h *host) { h.kill(theRoot, 1); h.pins[theCell] = 77 },
			want: cell("changed outside of kuke: its interface eth0 is gone") + `start main/default/blog/web/web
  # it exited with code 1
restart main/default/blog/web/side
  # restarted because it is not in the network namespace of its cell
`},
		{
			name: "root container dead, pin lost",
			host: func(h *host) { h.kill(theRoot, 1); delete(h.pins, theCell) },
			want: `
start main/default/blog/web/web
  # it exited with code 1
restart main/default/blog/web/side
  # restarted because root container main/default/blog/web/web is started with a new network namespace
`},
		{
			name: "record of the root container lost, and the pin",
			host: func(h *host) { delete(h.prior.Records, theRoot); delete(h.pins, theCell) },
			want: cell(noPin) + "adopt main/default/blog/web/web\n  # an apply was interrupted before it could record this container\n",
		},
		{
			name: "record of the cell lost",
			host: func(h *host) { delete(h.prior.Records, theCell) },
			want: `
create main/default/blog/web
replace main/default/blog/web/web
  # its cell is not recorded, so that its addresses are not known
replace main/default/blog/web/side
  # replaced because root container main/default/blog/web/web is replaced
`},
		{
			name: "reboot",
			host: (*host).reboot,
			want: `
update main
  # cgroup /kukeon/main is missing
update main/default
  # cgroup /kukeon/main/default is missing
  # changed outside of kuke: its bridge is gone
update main/default/blog
  # cgroup /kukeon/main/default/blog is missing
update main/default/blog/web
  # cgroup /kukeon/main/default/blog/web is missing
start main/default/blog/web/web
  # its task is missing
start main/default/blog/web/side
  # its task is missing
`,
			more: func(t *testing.T, p *plan.Plan) {
				wantOrder(t, p, "update main/default", "start main/default/blog/web/web")
				wantOrder(t, p, "start main/default/blog/web/web", "start main/default/blog/web/side")
				if a := p.ChangesByPath()[theCell].After.Status.Attachment; a.Interfaces[0].Address != "10.88.0.2/24" {
					t.Errorf("attachment %+v", a)
				}
			}},
	})
}

// What ends by itself is left alone, as long as nothing needs what it leaves behind.
var diffLines = regexp.MustCompile(`(?m)^  [^#\s].*\n`)

// withoutDiffs leaves the attributes out of what changesOf returns.
func withoutDiffs(changes string) string { return diffLines.ReplaceAllString(changes, "") }

// What containerd's restart monitor starts by itself is no change, as long as it can.
func TestRestarts(t *testing.T) {
	const again = "\nstart main/default/blog/web/side\n  # it exited with code 3\n"
	tests := []struct {
		name, policy string
		host         func(*host)
		opts         Options
		edit         func(specs)
		want         string
	}{
		{name: "always", policy: "always"},
		{name: "unless-stopped", policy: "unless-stopped"},
		{name: "on-failure", policy: "on-failure"},
		{name: "on-failure, with restarts left", policy: "on-failure:3", host: func(h *host) { h.at(theSide).Restarts = 2 }},
		{name: "on-failure, without", policy: "on-failure:3", host: func(h *host) { h.at(theSide).Restarts = 3 }, want: again},
		{name: "not the monitor's", policy: "always", host: func(h *host) { h.at(theSide).RestartPolicy = "" }, want: again},
		{name: "in vain, without the network namespace", policy: "always", host: func(h *host) { delete(h.pins, theCell) }, want: `
update main/default/blog/web
  # changed outside of kuke: the network namespace of its root container is not at hand
start main/default/blog/web/side
  # it exited with code 3
`},
		{name: "in vain for a long time", policy: "always", host: func(h *host) {
			h.at(theSide).FinishedAt, h.actual.At = at, at.Add(2*time.Minute)
		}, want: again},
		{name: "within the monitor's time", policy: "always", host: func(h *host) {
			h.at(theSide).FinishedAt, h.actual.At = at, at.Add(20*time.Second)
		}},
		{name: "no task", policy: "always", host: func(h *host) { h.at(theSide).Status = plan.TaskNone }, want: "\nstart main/default/blog/web/side\n  # its task is missing\n"},
		{name: "asked for", policy: "always", opts: Options{Start: true}, want: again},
		{name: "a new container waits for it", policy: "always", edit: func(s specs) {
			s[theCell+"/new"] = &resource.Container{Image: "side:1", DependsOn: []resource.Dependency{{Name: "side"}}}
		}, want: "\ncreate main/default/blog/web/new" + again},
		{name: "a new container beside it", policy: "always", edit: func(s specs) {
			s[theCell+"/new"] = &resource.Container{Image: "side:1"}
		}, want: "\ncreate main/default/blog/web/new\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			desired := func(edit func(specs)) *resource.Tree {
				return example(func(s specs) {
					container(s, theSide).RestartPolicy = tt.policy
					if edit != nil {
						edit(s)
					}
				})
			}
			h := newHost(t)
			h.converge(desired(nil), Options{})
			h.kill(theSide, 3)
			if tt.host != nil {
				tt.host(h)
			}
			p, diags := h.new(desired(tt.edit), tt.opts)
			if p == nil {
				t.Fatal(diags)
			}
			compare(t, withoutDiffs(changesOf(p)), tt.want)
			starts := strings.Contains(tt.want, "start main/default/blog/web/side")
			if warned := strings.Contains(diags.Error(), "exited with code 3. containerd restarts it"); warned == starts {
				t.Errorf("starts %v, and warns %q", starts, diags.Error())
			}
			if h.applySome(p, len(p.Steps), func([]int) int { return 0 }); tt.edit != nil {
				h.monitor()
			}
		})
	}
}

// Drift is what a plan of the recorded resources shows, without a look at images.
func TestDrift(t *testing.T) {
	h := made(t)
	drift := func() string {
		t.Helper()
		h.refresh(nil)
		changes, diags := Drift(h.prior, h.actual)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		return changesOf(&plan.Plan{Changes: changes})
	}
	h.operation(Operation{Action: plan.Stop, Paths: []resource.Path{theSide}})
	if text := drift(); text != "" {
		t.Errorf("just made, and there is\n%s", text)
	}
	h.prior.Records[theRoot].Status.Health = &state.Health{State: state.Unhealthy}
	delete(h.actual.Namespaces["kukeon-main"].Containers, resource.ContainerID(theRoot))
	h.spaceDrift[theSpace] = []string{"bridge is missing"}
	got := withoutDiffs(drift())
	compare(t, got, `
update main/default
  # bridge is missing
create main/default/blog/web/web
  # removed outside of kuke: containerd does not have the container
replace main/default/blog/web/side
  # replaced because root container main/default/blog/web/web is created
`)
	h = made(t)
	h.reboot()
	if text := drift(); !strings.Contains(text, "start main/default/blog/web/web") || !strings.Contains(text, "update main/default/blog\n") {
		t.Errorf("after a reboot there is only\n%s", text)
	}
}

func TestEnds(t *testing.T) {
	policy := func(p resource.Path, policy string) func(specs) {
		return func(s specs) { container(s, p).RestartPolicy = policy }
	}
	kill := func(p resource.Path, policy string, code uint32, edit func(specs)) func(*host) {
		return func(h *host) { h.converge(example(edit), Options{}); h.kill(p, code) }
	}
	start := func(p resource.Path, why string) string { return "\nstart " + string(p) + "\n  # " + why + "\n" }
	rootOnce, rootNew := policy(theRoot, "no"), func(s specs) {
		policy(theRoot, "no")(s)
		s[theCell+"/new"] = &resource.Container{Image: "side:1"}
	}
	tests := []change{
		{name: "its root, with its network namespace", edit: rootNew, host: kill(theRoot, "no", 0, rootOnce), want: "\ncreate main/default/blog/web/new\n"},
		{name: "its root, whose network namespace is lost", edit: rootOnce, host: func(h *host) {
			kill(theRoot, "no", 0, rootOnce)(h)
			delete(h.pins, theCell)
		}, want: start(theRoot, "the network namespace of its cell is gone, which other containers need") +
			"restart main/default/blog/web/side\n  # restarted because root container main/default/blog/web/web is started with a new network namespace\n"},
		{name: "policy lost", edit: policy(theSide, "always"), host: func(h *host) {
			h.converge(example(policy(theSide, "always")), Options{})
			h.at(theSide).RestartPolicy = ""
		}, want: "\nupdate main/default/blog/web/side\n  # changed outside of kuke: containerd does not keep to its restart policy\n"},
	}
	for _, p := range []string{"no", "on-failure", "on-failure:3"} {
		tests = append(tests, change{name: "done, " + p, edit: policy(theSide, p), host: kill(theSide, p, 0, policy(theSide, p))})
	}
	tests = append(tests,
		change{name: "failed, no", edit: policy(theSide, "no"), host: kill(theSide, "no", 3, policy(theSide, "no")), want: start(theSide, "it exited with code 3")},
		change{name: "ended, without a policy", host: kill(theSide, "", 0, nil), want: start(theSide, "it exited with code 0")})
	runChanges(t, tests)
}

func TestChecks(t *testing.T) {
	check := func(exec string) func(specs) {
		return func(s specs) { container(s, theSide).Healthcheck = &resource.Healthcheck{Exec: []string{exec}} }
	}
	job := func(s specs) {
		s[theCell+"/job"] = &resource.Container{Image: "side:1"}
		container(s, theSide).DependsOn = []resource.Dependency{{Name: "job", Condition: resource.Completed}}
	}
	health := func(edit func(specs), p resource.Path, health *state.Health) func(*host) {
		return func(h *host) { h.converge(example(edit), Options{}); h.prior.Records[p].Status.Health = health }
	}
	runChanges(t, []change{
		{name: "new", edit: check("a"), want: `
update main/default/blog/web/side until healthy
  # its healthcheck has not succeeded yet
  healthcheck.exec: <nil> -> [a]
`},
		{name: "replaced", edit: func(s specs) { check("a")(s); container(s, theSide).Image = "side:2" }, want: `
replace main/default/blog/web/side until healthy
  !image: side:1 -> side:2
  healthcheck.exec: <nil> -> [a]
`},
		{name: "another", edit: check("b"), host: func(h *host) { h.converge(example(check("a")), Options{}) }, want: `
update main/default/blog/web/side until healthy
  # its healthcheck is another now
  healthcheck.exec: [a] -> [b]
`},
		{name: "none any more", host: func(h *host) { h.converge(example(check("a")), Options{}) }, want: `
update main/default/blog/web/side
  healthcheck.exec: [a] -> <nil>
`, more: func(t *testing.T, p *plan.Plan) {
			if got := p.Changes[0].After.Status.Health; got != nil {
				t.Errorf("health %+v", got)
			}
		}},
		{name: "failed before", edit: check("a"), host: health(check("a"), theSide, &state.Health{State: state.Unhealthy, Detail: "refused"}), want: `
check main/default/blog/web/side until healthy
  # it is not healthy: refused
`, more: func(t *testing.T, p *plan.Plan) {
			if s := p.Summary(); s != (plan.Summary{Check: 1}) {
				t.Errorf("summary %+v", s)
			}
		}},
		{name: "never done", edit: check("a"), host: health(check("a"), theSide, nil), want: "\ncheck main/default/blog/web/side until healthy\n  # its healthcheck has not succeeded yet\n"},
		{name: "healthy", edit: check("a"), host: func(h *host) { h.converge(example(check("a")), Options{}) }},
		{name: "started", edit: check("a"), host: func(h *host) { h.converge(example(check("a")), Options{}); h.kill(theSide, 0) }, want: "\nstart main/default/blog/web/side until healthy\n  # it exited with code 0\n", more: func(t *testing.T, p *plan.Plan) {
			if got := p.Changes[0].After.Status.Health; got != nil {
				t.Errorf("health %+v", got)
			}
		}},
		{name: "checked when the root container runs again", edit: check("a"), host: func(h *host) {
			health(check("a"), theSide, nil)(h)
			h.kill(theRoot, 1)
		}, want: `
start main/default/blog/web/web
  # it exited with code 1
check main/default/blog/web/side until healthy
  # its healthcheck has not succeeded yet
`, more: func(t *testing.T, p *plan.Plan) {
			wantOrder(t, p, "start main/default/blog/web/web", "check main/default/blog/web/side")
		}},
		{name: "adopted", edit: check("a"), host: func(h *host) { h.converge(example(check("a")), Options{}); delete(h.prior.Records, theSide) }, want: "\nadopt main/default/blog/web/side until healthy\n  # an apply was interrupted before it could record this container\n"},
		{name: "waited for", edit: job, want: `
create main/default/blog/web/job until completed
update main/default/blog/web/side
  dependsOn["job"]: <nil> -> true
  dependsOn["job"].condition: <nil> -> completed
`, more: func(t *testing.T, p *plan.Plan) {
			wantOrder(t, p, "check main/default/blog/web/job", "update main/default/blog/web/side")
		}},
		{name: "has completed", edit: job, host: func(h *host) { h.converge(example(job), Options{}) }},
		{name: "has not completed yet", edit: job, host: health(job, theCell+"/job", nil), want: "\ncheck main/default/blog/web/job until completed\n  # others wait for it to complete\n"},
		{name: "failed", edit: job, host: func(h *host) { h.converge(example(job), Options{}); h.kill(theCell+"/job", 1) }, want: "\nstart main/default/blog/web/job until completed\n  # it exited with code 1\n"},
		{name: "checked when the network is mended", edit: check("a"), host: func(h *host) {
			health(check("a"), theSide, nil)(h)
			delete(h.pins, theCell)
		}, want: `
update main/default/blog/web
  # changed outside of kuke: the network namespace of its root container is not at hand
check main/default/blog/web/side until healthy
  # its healthcheck has not succeeded yet
`, more: func(t *testing.T, p *plan.Plan) {
			wantOrder(t, p, "update main/default/blog/web", "check main/default/blog/web/side")
		}},
	})
}
