package planner

import (
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// Drift returns the changes that make the host as prior records it: those that [New] plans for a configuration that says
// what is recorded. actual may come from a refresh without a configuration. A container that is not healthy is no drift.
func Drift(prior *state.State, actual *Actual) ([]*Change, resource.Diagnostics) {
	var realms []resource.Path
	for p := range prior.Records {
		if p.Kind() == resource.KindRealm {
			realms = append(realms, p)
		}
	}
	found := *actual
	found.Images = recordedImages(prior)
	plan, diags := New(Recorded(prior, realms), prior, &found, Options{ByHand: true})
	if plan == nil {
		return nil, diags
	}
	return slices.DeleteFunc(plan.Changes, func(c *Change) bool { return c.Action == Check }), diags
}

// recordedImages tells of the images that containers were made from as if the host had them, which a refresh without a
// configuration doesn't look for.
func recordedImages(prior *state.State) map[ImageKey]ImageStatus {
	images := map[ImageKey]ImageStatus{}
	for _, r := range prior.Records {
		spec, ok := r.Spec.(*resource.Container)
		if !ok {
			continue
		}
		key := ImageKey{r.Status.Namespace, spec.Image}
		if have, ok := images[key]; ok && have.Local != r.Status.ImageDigest {
			// Containers that were made from several images of one name are not to be compared with any of them.
			images[key] = ImageStatus{Remote: r.Status.ImageDigest}
			continue
		}
		images[key] = ImageStatus{Local: r.Status.ImageDigest}
	}
	return images
}
