package review

import (
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

const (
	space = resource.Path("main/s")
	cell  = resource.Path("main/s/t/c")
	root  = cell + "/root"
	side  = cell + "/side"
)

// network is the network of the space, attachment that of the cell.
var network = state.Network{Name: "kukeon-main-s", File: "main-s.conflist", Bridge: "kuke-main-s", Subnet: "10.88.0.0/24", Gateway: "10.88.0.1"}

func attachment(published ...string) *state.Attachment {
	return &state.Attachment{
		Interfaces: []state.Interface{{Name: "eth0", Space: space, Address: "10.88.0.2/24", Network: network}}, Published: published, Names: []string{"c", "c.t"},
	}
}

func record(p resource.Path, spec resource.Spec) *state.Record {
	r := &state.Record{Path: p, Spec: spec, Status: state.Status{Project: "shop", Namespace: "kukeon-main", Cgroup: resource.CgroupOf(p, spec)}}
	switch p.Kind() {
	case resource.KindContainer:
		r.Status.ContainerID = resource.ContainerID(p)
	case resource.KindCell:
		r.Status.Attachment = attachment()
	}
	return r
}

// world is a state and a host that matches it, with a plan to come.
type world struct{ Input }

// newWorld returns a cell with a root container and another one, which run.
func newWorld() *world {
	w := &world{Input{Plan: &plan.Plan{Project: "shop"}, Prior: &state.State{Records: map[resource.Path]*state.Record{}}, Actual: &plan.Actual{
		Namespaces: map[string]*plan.Namespace{"kukeon-main": {Containers: map[string]*plan.Container{}}}, Cgroups: map[string]resource.Resources{},
		Cells: map[resource.Path]*plan.CellNetwork{},
	}}}
	w.Facts.Files = map[resource.Path]plan.Files{}
	for p, spec := range map[resource.Path]resource.Spec{
		"main": &resource.Realm{}, space: &resource.Space{}, "main/s/t": &resource.Stack{}, cell: &resource.Cell{},
		root: &resource.Container{Root: true, Image: "web:1"}, side: &resource.Container{Image: "side:1"},
	} {
		w.have(p, spec)
	}
	return w
}

// have adds a resource to the state and the host, a container without files of its own.
func (w *world) have(p resource.Path, spec resource.Spec) *state.Record {
	r := record(p, spec)
	w.Prior.Records[p] = r
	switch p.Kind() {
	case resource.KindContainer:
		w.Facts.Files[p] = plan.Files{}
		w.Actual.Namespaces["kukeon-main"].Containers[r.Status.ContainerID] = &plan.Container{ID: r.Status.ContainerID, Status: plan.TaskRunning}
	case resource.KindCell:
		w.Actual.Cells[p] = &plan.CellNetwork{NetNS: 1}
	}
	return r
}

// publish has the cell publish the ports, which a container declares.
func (w *world) publish(by resource.Path, ports ...string) {
	w.Prior.Records[cell].Status.Attachment = attachment(ports...)
	w.Prior.Records[by].Spec.(*resource.Container).Ports = ports
}

// change adds a change to the plan; after is nil to delete, and the spec before where it stays.
func (w *world) change(a plan.Action, p resource.Path, after resource.Spec) *plan.Change {
	c := &plan.Change{Path: p, Action: a, Before: w.Prior.Records[p]}
	if a == plan.Create {
		c.Before = nil
	}
	if after != nil {
		c.After = record(p, after)
		if p.Kind() == resource.KindCell && c.Before != nil {
			c.After.Status.Attachment = c.Before.Status.Attachment
		}
	}
	w.Plan.Changes = append(w.Plan.Changes, c)
	return c
}

// replace adds the replacement of a container by an equal one.
func (w *world) replace(p resource.Path) *plan.Change {
	return w.change(plan.Replace, p, w.Prior.Records[p].Spec)
}

// estimates returns those of operations, the same for all resources.
func estimates(seconds map[plan.Op]float64) Estimate {
	return func(op plan.Op, _ resource.Path) (time.Duration, bool) {
		s, ok := seconds[op]
		return time.Duration(s * float64(time.Second)), ok
	}
}
