package planner

import (
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Drift returns the changes that repair the host to the records of prior: the plan of [New] for a configuration equal to
// the records. actual may come from a refresh without a configuration. An unhealthy container is no drift.
func Drift(prior *state.State, actual *plan.Actual) ([]*plan.Change, resource.Diagnostics) {
	var realms []resource.Path
	for p := range prior.Records {
		if p.Kind() == resource.KindRealm {
			realms = append(realms, p)
		}
	}
	found := *actual
	found.Images = recordedImages(prior)
	pl, diags := New(Recorded(prior, realms), prior, &found, Options{ByHand: true})
	if pl == nil {
		return nil, diags
	}
	return slices.DeleteFunc(pl.Changes, func(c *plan.Change) bool { return c.Action == plan.Check }), diags
}

// recordedImages tells of the images that containers were made from as if the host had them, which a refresh without a
// configuration doesn't look for.
func recordedImages(prior *state.State) map[plan.ImageKey]plan.ImageStatus {
	images := map[plan.ImageKey]plan.ImageStatus{}
	for _, r := range prior.Records {
		spec, ok := r.Spec.(*resource.Container)
		if !ok {
			continue
		}
		key := plan.ImageKey{Namespace: r.Status.Namespace, Reference: spec.Image}
		if have, ok := images[key]; ok && have.Local != r.Status.ImageDigest {
			// Containers that were made from several images of one name are not to be compared with any of them.
			images[key] = plan.ImageStatus{Remote: r.Status.ImageDigest}
			continue
		}
		images[key] = plan.ImageStatus{Local: r.Status.ImageDigest}
	}
	return images
}

// driftOf returns the difference between the record of p and the host that the configuration did not cause, or nil.
func (d *draft) driftOf(p resource.Path) *plan.Drift {
	have := d.in.prior.Records[p]
	if have == nil || d.in.opts.Assume || d.in.importing(p) {
		return nil
	}
	drift := &plan.Drift{Path: p}
	if c := refreshed(have, d.in.actual); c != nil {
		drift.Reasons, drift.After, drift.Gone = c.Reasons, c.After, c.After == nil
	}
	note := func(reason string) {
		if !slices.Contains(drift.Reasons, reason) {
			drift.Reasons = append(drift.Reasons, reason)
		}
	}
	for _, reason := range d.repaired[p] {
		note(reason)
	}
	if c := d.changes[p]; c != nil && !drift.Gone {
		for _, reason := range c.Reasons {
			if strings.HasPrefix(reason, outside) {
				note(reason)
			}
		}
	}
	if len(drift.Reasons) == 0 {
		return nil
	}
	return drift
}
