package planner

import (
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// warnRenamed tells of what is to be made at a path from which something was renamed that the configuration does not know by
// its new path.
func (d *review) warnRenamed() {
	now := map[resource.Path]resource.Path{} // by the former path
	for q, r := range d.in.prior.Records {
		if former := r.Status.FormerName; former != "" && d.in.desired.Resource(q) == nil {
			now[q.Parent().Join(former)] = q
		}
	}
	for _, p := range d.draft.order {
		c, q := d.draft.changes[p], now[p]
		if q == "" || c == nil || c.Action != plan.Create || d.in.prior.Records[p] != nil || d.in.opts.ByHand {
			continue
		}
		fate := "stays as it is"
		if other := d.draft.changes[q]; other != nil && other.Action == plan.Delete {
			fate = "is destroyed"
		}
		d.diags.Warnf(d.in.declared(p), p, "Renamed resource", "%s %s was renamed to %s, which is not in the configuration: this plan makes a new %s, and %s %s. For nothing to change, rename it in the configuration, too. To give it its former name back, add a block moved with from = %q and to = %q.",
			p.Kind().Lower(), p, q, p, q, fate, q, p)
	}
}
