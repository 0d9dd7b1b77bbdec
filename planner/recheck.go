package planner

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/internal/allocate"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// CheckHost returns an error that wraps [plan.ErrStale] when the host no longer offers the things that the plan relied on when it was
// made: free host ports and subnets, sources of volumes, devices, images, AppArmor profiles, controllers, and containers that
// no state knows. The checks are those of [New]. prior is the state that [plan.Plan.CheckFresh] has approved, actual the host as it
// is now, looked at for [plan.Plan.Wants]; images in registries are not compared, since the pull does that.
func CheckHost(p *plan.Plan, prior *state.State, actual *plan.Actual) error {
	in := newInput(p.Wants(), p.MovedAndImported(prior), actual, Options{Project: p.Project}, orphansOf(prior, actual, p.Destroy))
	var diags resource.Diagnostics
	made := newDraft(in, &scope{})
	made.changes = p.ChangesByPath()
	d := &recheck{in: in, check: &hostCheck{in: in, diags: &diags}, allocation: made.allocation(), diags: &diags}
	d.check.checkPlugins()
	for _, image := range p.Images {
		key := plan.ImageKey{Namespace: image.Namespace, Reference: image.Reference}
		if now := actual.Images[key].Local; !image.Pull && now != image.Digest {
			diags.Errorf(resource.Range{}, "", "Image has changed", "image %s of containerd namespace %s was %s, and is now %s.", image.Reference, image.Namespace, image.Digest, orGone(now))
		}
	}
	for _, c := range p.Changes {
		d.checkUnrecorded(c)
		if want := in.desired.Resource(c.Path); want != nil {
			d.checkAgain(c, want, slices.Contains(p.Profiles, resource.DefaultAppArmorProfile))
		}
	}
	if !diags.HasErrors() {
		return nil
	}
	return fmt.Errorf("%w: this host has changed since it was made: plan again\n\n  %s", plan.ErrStale, strings.ReplaceAll(diags.Error(), "\n", "\n  "))
}

func orGone(digest string) string {
	if digest == "" {
		return "gone"
	}
	return digest
}

// recheck makes sure that a saved plan can still be carried out.
type recheck struct {
	in    *input
	check *hostCheck
	// allocation holds the records that there will be, and the host that they are compared with.
	allocation allocate.Input
	diags      *resource.Diagnostics
}

// checkAgain makes sure that the host still meets the needs of the change. loads says that the plan loads the default AppArmor
// profile.
func (d *recheck) checkAgain(c *plan.Change, want *resource.Resource, loads bool) {
	d.check.checkControllers(want)
	d.check.checkRestartPolicy(want)
	switch c.Path.Kind() {
	case resource.KindSpace:
		d.checkSubnetAgain(c)
	case resource.KindCell:
		if c.After.Status.Attachment == nil {
			return
		}
		for _, text := range c.After.Status.Attachment.Published {
			if port, err := resource.ParsePort(text); err == nil {
				*d.diags = append(*d.diags, allocate.CheckPort(d.allocation, c.Path, port)...)
			}
		}
	case resource.KindContainer:
		made := c.Action == plan.Create || c.Action == plan.Replace
		if made {
			d.check.checkHostPaths(want)
			d.check.checkFlaws(want, c.After)
		}
		if made || c.Start {
			d.check.checkProfile(want)
			d.check.checkDefaultProfile(want, loads)
		}
	}
}

// checkSubnetAgain makes sure that a subnet that the space does not have yet is still free.
func (d *recheck) checkSubnetAgain(c *plan.Change) {
	var had, network *state.Network
	if c.Before != nil {
		had = c.Before.Status.Network
	}
	if network = c.After.Status.Network; network == nil {
		return
	}
	if had == nil {
		had = &state.Network{}
	}
	for _, of := range []struct{ had, now string }{{had.Subnet, network.Subnet}, {had.Subnet6, network.Subnet6}} {
		if subnet, err := netip.ParsePrefix(of.now); err == nil && of.had != of.now {
			*d.diags = append(*d.diags, allocate.CheckSubnet(d.allocation, c.Path, subnet)...)
		}
	}
}

// checkUnrecorded makes sure that an unrecorded resource that the plan adopts or removes is still there under the id that the
// plan says, with the labels of its path.
func (d *recheck) checkUnrecorded(c *plan.Change) {
	found := c.Before
	if c.Action == plan.Adopt {
		found = c.After
	}
	if found == nil || d.in.prior.Records[c.Path] != nil {
		return
	}
	o := d.in.orphans[c.Path]
	if o == nil || o.namespace != found.Status.Namespace || o.container != nil && o.container.ID != found.Status.ContainerID {
		d.diags.Errorf(resource.Range{}, c.Path, "Unrecorded resource is gone", "%s %s, which is not recorded, is not found in containerd namespace %s any more.", c.Path.Kind().Lower(), c.Path, found.Status.Namespace)
	}
}
