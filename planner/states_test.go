package planner

import (
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

func TestStates(t *testing.T) {
	other := theStack + "/other/root"
	desired := example(func(s specs) {
		s[theStack+"/other"] = &resource.Cell{}
		s[other] = &resource.Container{Root: true, Image: "web:1", RestartPolicy: "no"}
		s["main/empty"] = &resource.Space{}
		s[theRoot].(*resource.Container).Ports = []string{"8080:80"}
	})
	tests := []struct {
		name string
		host func(*host)
		want map[resource.Path]string
	}{
		{"all run", func(*host) {}, map[resource.Path]string{theRealm: "Ready", theCell: "Ready", theSide: "Ready", "main/empty": "Ready"}},
		{"exited with 0", func(h *host) { h.kill(theSide, 0) }, map[resource.Path]string{theSide: "Stopped (0)", theCell: "Ready (1/2)", theRealm: "Ready (2/3)"}},
		{"exited as it may", func(h *host) { h.kill(other, 0) }, map[resource.Path]string{other: "Stopped (0)", other.Parent(): "Ready", theRealm: "Ready"}},
		{"failed", func(h *host) { h.kill(theSide, 137) }, map[resource.Path]string{theSide: "Failed (137)", theCell: "Failed (1/2)", other.Parent(): "Ready", theSpace: "Failed (2/3)", "main/empty": "Ready"}},
		{"paused", func(h *host) { h.at(theRoot).Status, h.at(theSide).Status = plan.TaskPaused, plan.TaskPaused }, map[resource.Path]string{theSide: "Paused", theCell: "Paused", theStack: "Ready (1/3)"}},
		{"pausing", func(h *host) { h.at(theSide).Status = plan.TaskPausing }, map[resource.Path]string{theSide: "Pausing", theCell: "Pausing (1/2)"}},
		{"stopped by hand", func(h *host) { h.operation(Operation{Action: plan.Stop, Paths: []resource.Path{theCell}}) }, map[resource.Path]string{theSide: "Stopped", theCell: "Stopped", theStack: "Ready (1/3)"}},
		{"killed by hand", func(h *host) {
			h.operation(Operation{Action: plan.Kill, Signal: "SIGKILL", Paths: []resource.Path{theSide}})
		}, map[resource.Path]string{theSide: "Failed (137)", theCell: "Failed (1/2)"}},
		{"stopped by hand, and seen to end", func(h *host) {
			h.operation(Operation{Action: plan.Stop, Paths: []resource.Path{theSide}})
			h.prior.Records[theSide].Status.Exit = &state.Exit{Code: 143}
		}, map[resource.Path]string{theSide: "Stopped (143)", theCell: "Ready (1/2)"}},
		{"killed by hand, before a reboot", func(h *host) {
			h.operation(Operation{Action: plan.Kill, Signal: "SIGKILL", Paths: []resource.Path{theSide}})
			h.prior.Records[theSide].Status.Exit = &state.Exit{Code: 137}
			h.at(theSide).Status = plan.TaskNone
		}, map[resource.Path]string{theSide: "Failed (137)", theCell: "Failed (1/2)"}},
		{"started after it was stopped", func(h *host) {
			h.operation(Operation{Action: plan.Stop, Paths: []resource.Path{theSide}})
			h.prior.Records[theSide].Status.Exit = &state.Exit{Code: 143}
			h.startAgain(theSide)
			h.at(theSide).Status = plan.TaskNone
		}, map[resource.Path]string{theSide: "Pending (no task)"}},
		{"no task", func(h *host) { h.at(theSide).Status = plan.TaskNone }, map[resource.Path]string{theSide: "Pending (no task)", theCell: "Pending (1/2)"}},
		{"no tasks", func(h *host) { h.at(theSide).Status, h.at(theRoot).Status = plan.TaskNone, plan.TaskCreated }, map[resource.Path]string{theRoot: "Pending (task not started)", theCell: "Pending (0/2)", theStack: "Pending (1/3)"}},
		{"removed", func(h *host) {
			delete(h.actual.Namespaces["kukeon-main"].Containers, resource.ContainerID(theSide))
		}, map[resource.Path]string{theSide: "Pending (no container)", theCell: "Pending (1/2)"}},
		{"all removed", func(h *host) { clear(h.actual.Namespaces["kukeon-main"].Containers) }, map[resource.Path]string{theCell: "Pending (0/2)", theStack: "Pending (0/3)"}},
		{"containers not recorded", func(h *host) {
			delete(h.prior.Records, theSide)
			delete(h.prior.Records, theRoot)
		}, map[resource.Path]string{theCell: "Pending (no container)", theStack: "Pending (1 cell incomplete)", other.Parent(): "Ready", "main/empty": "Ready"}},
		{"nothing made but the cells", func(h *host) {
			for _, p := range []resource.Path{theRoot, theSide, other} {
				delete(h.prior.Records, p)
			}
		}, map[resource.Path]string{theCell: "Pending (no container)", theRealm: "Pending (2 cells incomplete)", "main/empty": "Ready"}},
		{"unknown", func(h *host) { h.at(theSide).Status = plan.TaskUnknown }, map[resource.Path]string{theSide: "Unknown", theCell: "Unknown (1/2)"}},
		{"cgroup missing", func(h *host) { delete(h.actual.Cgroups, "/kukeon/main/default/blog") }, map[resource.Path]string{theStack: "Pending (no cgroup)", theSpace: "Pending (1 stack incomplete)", theCell: "Ready"}},
		{"network missing", func(h *host) { h.actual.Networks[theSpace] = []string{"bridge is missing"} }, map[resource.Path]string{theSpace: "Pending (network incomplete: bridge is missing)", theRealm: "Pending (1 space incomplete)", theCell: "Ready", theSide: "Ready"}},
		{"port not published", func(h *host) { h.actual.Mappings = []plan.PortMapping{} }, map[resource.Path]string{
			theCell: "Pending (network incomplete: port 8080:80 is not published any more)", theRoot: "Ready", theStack: "Pending (1 cell incomplete)",
		}},
		{"address and bridge", func(h *host) {
			h.actual.Cells[theCell].Addresses = map[string]string{"eth0": "10.88.0.77/24"}
			h.actual.Cells[other.Parent()].Flaws = map[string]string{"eth0": "is not attached to the bridge"}
		}, map[resource.Path]string{
			theCell: "Pending (network incomplete: its interface eth0 has the address 10.88.0.77/24, not 10.88.0.3/24)", other.Parent(): "Pending (network incomplete: its interface eth0 is not attached to the bridge)",
			theRealm: "Pending (2 cells incomplete)",
		}},
		{"files", func(h *host) {
			h.actual.Cells[theCell].Hosts, h.actual.Cells[theCell].Stale = "evil", []string{"resolv.conf"}
		}, map[resource.Path]string{theCell: "Pending (network incomplete: its /etc/hosts was changed, its /etc/resolv.conf was changed)"}},
		{"pin gone", func(h *host) { h.actual.Cells[theCell].NetNS = 0 }, map[resource.Path]string{theCell: "Pending (network incomplete: the network namespace of its root container is not at hand)"}},
		{"strayed", func(h *host) { h.at(theSide).NetNS = 4711 }, map[resource.Path]string{theCell: "Pending (network incomplete: container side is in another network namespace)"}},
		{"paused when the host went down", func(h *host) {
			h.operation(Operation{Action: plan.Pause, Paths: []resource.Path{theSide}})
			h.at(theSide).Status = plan.TaskNone
		}, map[resource.Path]string{theSide: "Pending (no task)"}},
		{"nobody to ask", func(h *host) { h.actual = nil }, map[resource.Path]string{theRealm: "Unknown", theSide: "Unknown"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t)
			h.converge(desired, Options{})
			h.refresh(desired)
			tt.host(h)
			states := States(h.prior, h.actual)
			if len(states) != len(h.prior.Records) {
				t.Errorf("%d states of %d resources", len(states), len(h.prior.Records))
			}
			for p, want := range tt.want {
				got := states[p].State
				if states[p].Detail != "" {
					got += " (" + states[p].Detail + ")"
				}
				if got != want {
					t.Errorf("%s is %s, want %s", p, got, want)
				}
			}
		})
	}
}
