package planner

import (
	"fmt"
	"sort"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// checkForeign refuses to delete or replace a realm whose namespace holds containers that are not ours.
func (d *pruner) checkForeign(c *plan.Change) {
	ns := d.in.actual.Namespaces[c.Before.Status.Namespace]
	if ns == nil {
		return
	}
	ours := map[string]bool{}
	for p, r := range d.in.prior.Records {
		if c.Path.Contains(p) && p.Kind() == resource.KindContainer {
			ours[r.Status.ContainerID] = true
		}
	}
	var foreign []string
	for id, container := range ns.Containers {
		p, o := d.in.orphanOf(container)
		left := o != nil && c.Path.Contains(p) && (o.project == "" || d.in.ours(o.project))
		if !ours[id] && !left {
			foreign = append(foreign, id)
		}
	}
	if len(foreign) > 0 {
		sort.Strings(foreign)
		d.diags.Errorf(resource.Range{}, c.Path, "Namespace holds foreign containers",
			"realm %s is to go with its containerd namespace %s, but that holds containers that kuke does not manage: %s. Remove them first (ctr -n %s containers rm …).",
			c.Path, c.Before.Status.Namespace, strings.Join(foreign, ", "), c.Before.Status.Namespace)
	}
	d.decideImages(c, ns)
}

// decideImages decides whether the images of a realm that goes are kept, with its containerd namespace.
func (d *pruner) decideImages(c *plan.Change, ns *plan.Namespace) {
	c.RemoveImages = d.in.opts.Images
	hint := ""
	if d.in.opts.Destroy {
		hint = " (--images removes them)"
	}
	images := fmt.Sprintf("%d images", ns.Images)
	if ns.Images == 1 {
		images = "1 image"
	}
	switch {
	case ns.Images == 0:
	case c.RemoveImages:
		c.Reasons = append(c.Reasons, fmt.Sprintf("also deletes containerd namespace %s with %s", c.Before.Status.Namespace, images))
	default:
		c.Reasons = append(c.Reasons, fmt.Sprintf("keeps %s in containerd namespace %s%s", images, c.Before.Status.Namespace, hint))
	}
}
