package planner

import (
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/internal/allocate"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// host returns the names that recorded resources have on the host.
func (d *decider) host() *state.HostNames {
	if d.hostNames == nil {
		d.hostNames = state.HostNamesOf(d.prior)
	}
	return d.hostNames
}

// containerID returns the id that a container at p is made under.
func (d *decider) containerID(p resource.Path, namespace string) string {
	return allocate.ContainerID(d.host(), p, namespace)
}

// cgroup returns the cgroup of a resource that is made at p, in that of its parent.
func (d *decider) cgroup(p resource.Path, spec resource.Spec) string {
	above := ""
	if r := d.after(p.Parent()); r != nil {
		above = r.Status.Cgroup
	}
	return allocate.Cgroup(d.host(), p, spec, above)
}

// warnRenamed tells of what is to be made at a path from which something was renamed that the configuration does not know by
// its new path.
func (d *decider) warnRenamed() {
	now := map[resource.Path]resource.Path{} // by the former path
	for q, r := range d.prior.Records {
		if former := r.Status.FormerName; former != "" && d.desired.Resource(q) == nil {
			now[q.Parent().Join(former)] = q
		}
	}
	for _, p := range d.order {
		c, q := d.changes[p], now[p]
		if q == "" || c == nil || c.Action != plan.Create || d.prior.Records[p] != nil || d.opts.ByHand {
			continue
		}
		fate := "stays as it is"
		if other := d.changes[q]; other != nil && other.Action == plan.Delete {
			fate = "is destroyed"
		}
		d.diags.Warnf(d.declared(p), p, "Renamed resource", "%s %s was renamed to %s, which is not in the configuration: this plan makes a new %s, and %s %s. For nothing to change, rename it in the configuration, too. To give it its former name back, add a block moved with from = %q and to = %q.",
			p.Kind().Lower(), p, q, p, q, fate, q, p)
	}
}
