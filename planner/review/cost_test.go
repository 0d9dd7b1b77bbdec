package review

import (
	"encoding/json"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// TestCost compares the JSON of costs, in which no list is null.
func TestCost(t *testing.T) {
	const nothing = `{"restarted":[],"ended":[],"interruptions":[],"closed_ports":[],"losses":[],"pulls":[]}`
	for _, tt := range []struct {
		name string
		plan func(*world)
		want string
	}{
		{"nothing", func(*world) {}, nothing},
		{"a container is created", func(w *world) { w.change(plan.Create, cell+"/new", &resource.Container{}) }, nothing},
		{"the root and its company are replaced", func(w *world) {
			w.publish(root, "8080:80")
			w.replace(root)
			w.replace(side)
			w.Facts.Files = map[resource.Path]plan.Files{root: {}, side: {Bytes: 7}}
			w.Estimate = estimates(map[plan.Op]float64{plan.OpDelete: 1.5, plan.OpCreate: 0.5})
		}, `{"restarted":["main/s/t/c/root","main/s/t/c/side"],"ended":[],"interruptions":[{"cell":"main/s/t/c","seconds":2}],"closed_ports":[{"cell":"main/s/t/c","port":"8080:80","reopened":true}],"losses":[{"container":"main/s/t/c/side","bytes":7}],"pulls":[]}`},
		{"another container becomes the root", func(w *world) {
			w.Facts.Files = nil
			w.change(plan.Delete, root, nil)
			w.change(plan.Create, cell+"/next", &resource.Container{Root: true})
			w.Estimate = estimates(map[plan.Op]float64{plan.OpDelete: 1})
		}, `{"restarted":[],"ended":["main/s/t/c/root"],"interruptions":[{"cell":"main/s/t/c","seconds":null}],"closed_ports":[],"losses":[{"container":"main/s/t/c/root","bytes":null}],"pulls":[]}`},
		{"a container that does not run is replaced", func(w *world) {
			w.Actual.Namespaces["kukeon-main"].Containers[resource.ContainerID(side)].Status = plan.TaskStopped
			w.replace(side)
		}, nothing},
		{"a cell has another address", func(w *world) {
			w.publish(root, "8080:80")
			other := attachment("8080:80")
			other.Interfaces[0].Address = "10.88.0.9/24"
			w.change(plan.Update, cell, &resource.Cell{}).After.Status.Attachment = other
			w.Estimate = estimates(map[plan.Op]float64{plan.OpUpdate: 0.25})
		}, `{"restarted":[],"ended":[],"interruptions":[{"cell":"main/s/t/c","seconds":0.25}],"closed_ports":[{"cell":"main/s/t/c","port":"8080:80","reopened":true}],"losses":[],"pulls":[]}`},
		{"a cell gets a second network", func(w *world) {
			other := attachment()
			other.Interfaces = append(other.Interfaces, other.Interfaces[0])
			other.Interfaces[1].Space = "main/other"
			w.change(plan.Update, cell, &resource.Cell{}).After.Status.Attachment = other
		}, nothing},
		{"commands", func(w *world) {
			w.publish(side, "8080:80")
			w.change(plan.Kill, root, w.Prior.Records[root].Spec).Signal = "SIGHUP"
			w.change(plan.Stop, side, w.Prior.Records[side].Spec)
		}, `{"restarted":[],"ended":["main/s/t/c/side"],"interruptions":[],"closed_ports":[{"cell":"main/s/t/c","port":"8080:80","reopened":false}],"losses":[],"pulls":[]}`},
		{"a restart of the whole cell", func(w *world) {
			delete(w.Actual.Cells, cell) // a command looks at tasks alone
			w.publish(side, "80")
			w.Prior.Records[cell].Status.Attachment = attachment("32768:80")
			w.change(plan.Restart, root, w.Prior.Records[root].Spec)
			w.change(plan.Restart, side, w.Prior.Records[side].Spec)
		}, `{"restarted":["main/s/t/c/root","main/s/t/c/side"],"ended":[],"interruptions":[],"closed_ports":[{"cell":"main/s/t/c","port":"32768:80","reopened":true}],"losses":[],"pulls":[]}`},
		{"images", func(w *world) {
			w.Plan.Images = []*plan.Image{{Namespace: "a", Reference: "x:1", Digest: "sha256:1", Pull: true}, {Namespace: "b", Reference: "x:1", Digest: "sha256:1", Pull: true}, {Reference: "y:1", Digest: "sha256:2"}, {Reference: "z:1", Digest: "sha256:3", Pull: true}}
			w.Facts.Sizes = map[string]int64{"sha256:1": 45}
		}, `{"restarted":[],"ended":[],"interruptions":[],"closed_ports":[],"losses":[],"pulls":[{"reference":"x:1","bytes":45},{"reference":"z:1","bytes":null}]}`},
		{"the cell moves while its root is replaced", func(w *world) {
			w.replace(root)
			w.Plan.Changes[0].Path = "main/s/t/d/root"
			w.Plan.Moves = []plan.Move{{From: cell, To: "main/s/t/d"}}
			for _, p := range []resource.Path{cell, root} {
				moved := *w.Prior.Records[p]
				moved.Path = "main/s/t/d" + p[len(cell):]
				w.Plan.Moves[0].Records = append(w.Plan.Moves[0].Records, &moved)
			}
			w.Facts.Files = map[resource.Path]plan.Files{"main/s/t/d/root": {}}
		}, `{"restarted":["main/s/t/d/root"],"ended":[],"interruptions":[{"cell":"main/s/t/d","seconds":null}],"closed_ports":[],"losses":[],"pulls":[]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			tt.plan(w)
			got, err := json.Marshal(Cost(w.Input))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestTexts(t *testing.T) {
	for got, want := range map[string]string{
		Size(5): "5 B", Size(1234567890): "1.23 GB", Size(45_000_000): "45 MB", binarySize(32 << 20): "32 MiB",
		Duration(0.04): "less than 0.1 s", Duration(1.98): "about 2 s", Duration(0.31): "about 0.31 s", Duration(64): "about 64 s", Duration(600): "about 10 min",
		HostPort("8080:80"): "8080", HostPort("127.0.0.1:53:53/udp"): "127.0.0.1:53/udp", HostPort("[::1]:1-2:3-4"): "[::1]:1-2",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
