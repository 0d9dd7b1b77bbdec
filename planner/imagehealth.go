package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// imageCheck returns the HEALTHCHECK of the image of the desired container at p, nil where it has none: as the image says, or, where
// that is unknown, as recorded.
func (d *healthchecks) imageCheck(p resource.Path) *resource.Healthcheck {
	after := d.draft.after(p)
	key := plan.ImageKey{Namespace: after.Status.Namespace, Reference: d.in.desired.Resource(p).Spec.(*resource.Container).Image}
	made := after.Status.ImageDigest
	if config := d.in.actual.Images[key].Config; config != nil && made != "" && d.in.sameImage(d.in.digestOf(key), made) {
		return config.Healthcheck.Check()
	}
	if have := d.in.prior.Records[p]; have != nil && have.Status.ImageDigest == made {
		return have.Status.ImageHealthcheck
	}
	return nil
}

// knowsImage reports whether [healthchecks.imageCheck] is that of the container that there will be: of a container that stays as it
// is, and whose image was removed from the namespace, it may be unknown.
func (d *healthchecks) knowsImage(p resource.Path) bool {
	after := d.draft.after(p)
	key := plan.ImageKey{Namespace: after.Status.Namespace, Reference: d.in.desired.Resource(p).Spec.(*resource.Container).Image}
	return d.in.actual.Images[key].Config != nil || d.draft.made(p)
}

// made reports whether the plan creates the container at p.
func (d *draft) made(p resource.Path) bool {
	c := d.changes[p]
	return c != nil && (c.Action == plan.Create || c.Action == plan.Replace)
}

// fromImage reports whether the check of the desired container at p is that of its image.
func (d *healthchecks) fromImage(p resource.Path) bool {
	return imageCounts(d.in.desired.Resource(p).Spec) && d.imageCheck(p) != nil
}

// imageCounts reports whether the check of a container may be that of its image.
func imageCounts(spec resource.Spec) bool {
	own := spec.(*resource.Container).Healthcheck
	return own == nil || !own.Disable && !own.HasProbe()
}

// noteImageCheck notes the HEALTHCHECK of the image in the change, which may be nil.
func (d *healthchecks) noteImageCheck(c *plan.Change, check *resource.Healthcheck) {
	if c == nil || c.After == nil {
		return
	}
	c.After.Status.ImageHealthcheck = check
	before := ""
	if c.Before != nil && c.Action != plan.Create {
		before = imageCheckText(c.Before)
	}
	c.Diffs = append(c.Diffs, computed("healthcheck of the image", before, imageCheckText(c.After))...)
}

// imageCheckText describes the check of a container for people where it is that of its image.
func imageCheckText(r *state.Record) string {
	check := r.Healthcheck()
	if check == nil || !imageCounts(r.Spec) {
		return ""
	}
	command := check.Exec
	if len(command) == len(shell)+1 && slices.Equal(command[:len(shell)], shell) {
		command = command[len(shell):]
	}
	return fmt.Sprintf("%s, every %s", strings.Join(command, " "), check.Interval())
}

// shell begins the command of a HEALTHCHECK that is a line of a shell.
var shell = []string{"/bin/sh", "-c"}

// checkAdjusted makes sure that there is a check where the configuration only adjusts it.
func (d *healthchecks) checkAdjusted(want *resource.Resource, check *resource.Healthcheck) {
	spec := want.Spec.(*resource.Container)
	if check != nil || spec.Healthcheck == nil || spec.Healthcheck.Disable || !d.knowsImage(want.Path) {
		return
	}
	d.diags.Errorf(want.RangeOf("healthcheck"), want.Path, "No healthcheck to adjust",
		"The healthcheck of container %s has no probe, and its image %s %s. Set exactly one of exec, http and tcp, or remove the healthcheck.",
		want.Path, spec.Image, d.lacks(want))
}

// lacks says why the image of the container gives it no check.
func (d *healthchecks) lacks(want *resource.Resource) string {
	key := plan.ImageKey{Namespace: d.draft.after(want.Path).Status.Namespace, Reference: want.Spec.(*resource.Container).Image}
	if d.in.actual.Images[key].Config == nil {
		return "could not be asked for one"
	}
	return "has none"
}

// checkConditions refuses dependencies on containers that never become healthy because nothing checks them.
func (d *healthchecks) checkConditions() {
	for _, r := range d.in.desired.Resources() {
		if r.External || !d.draft.targeted(r.Path) || d.draft.after(r.Path) == nil {
			continue
		}
		switch spec := r.Spec.(type) {
		case *resource.Container:
			for _, on := range spec.DependsOn {
				if on.Condition == resource.Healthy {
					d.checkHealthy(r, on.Name, r.Path.Parent().Join(on.Name))
				}
			}
		case *resource.Cell:
			for _, on := range spec.DependsOn {
				if on.Condition == resource.Healthy {
					d.checkHealthy(r, on.Name, resource.Path(on.Name))
				}
			}
		}
	}
}

// checkHealthy makes sure that a container at or below p is checked, on which r depends by that name.
func (d *healthchecks) checkHealthy(r *resource.Resource, name string, p resource.Path) {
	var lacking *resource.Resource
	for _, other := range d.in.desired.Resources() {
		if !p.Contains(other.Path) {
			continue
		}
		if other.External {
			return
		}
		spec, ok := other.Spec.(*resource.Container)
		if !ok || d.draft.after(other.Path) == nil {
			continue
		}
		if spec.Healthcheck.Over(d.imageCheck(other.Path)) != nil || imageCounts(spec) && !d.knowsImage(other.Path) {
			return
		}
		lacking = other
	}
	if lacking == nil {
		return
	}
	at := r.RangeOf(fmt.Sprintf("dependsOn[%q].condition", name))
	image := lacking.Spec.(*resource.Container).Image
	if p.Kind() == resource.KindCell {
		d.diags.Errorf(at, r.Path, "Impossible condition", "%s can't become healthy: none of its containers has a healthcheck, nor has an image of them. Give one to those that count, or remove the condition.", name)
		return
	}
	d.diags.Errorf(at, r.Path, "Impossible condition", "%s can't become healthy: it has no healthcheck, and its image %s %s. Give it one, or remove the condition.", name, image, d.lacks(lacking))
}
