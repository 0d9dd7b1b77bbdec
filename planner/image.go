package planner

import (
	"fmt"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// imageMoved reports whether the image of a recorded container now has another digest, and adds that as a reason.
func (d *containers) imageMoved(c *plan.Change, want *resource.Resource) bool {
	spec := want.Spec.(*resource.Container)
	key := plan.ImageKey{Namespace: c.After.Status.Namespace, Reference: spec.Image}
	status := d.in.actual.Images[key]
	if spec.PullPolicy == resource.PullAlways && status.Failure != nil && status.Remote == "" && resource.PinnedDigest(spec.Image) == "" {
		d.diags.Warnf(want.RangeOf("image"), want.Path, "Image not compared", "container %s always takes its image from the registry, which can't be asked now: %s.", want.Path, status.Failure)
	}
	made := c.After.Status.ImageDigest // the recorded digest, or that of another reference
	if !d.in.moved(key, made) {
		return false
	}
	c.Reasons = append(c.Reasons, fmt.Sprintf("image %s now resolves to %s (was %s)", spec.Image, d.in.digestOf(key), made))
	return true
}

// renameImage drops the replacement for another reference to the same image that a recorded container was created from:
// only its record changes. One of the two references must name the digest: a change from one tag to another asks for
// another image, even where both are the same now.
func (d *containers) renameImage(c *plan.Change) {
	spec, ok := c.After.Spec.(*resource.Container)
	made := c.Before.Status.ImageDigest
	if !ok || made == "" {
		return
	}
	before, now := c.Before.Spec.(*resource.Container).Image, resource.PinnedDigest(spec.Image)
	if spec.Image == before || now == "" && resource.PinnedDigest(before) == "" {
		return
	}
	if now == "" {
		now = d.in.digestOf(plan.ImageKey{Namespace: c.After.Status.Namespace, Reference: spec.Image})
	}
	if now == "" || !d.in.sameImage(now, made) {
		return
	}
	c.After.Status.ImageDigest = now
	c.Reasons = append(c.Reasons, fmt.Sprintf("image %s is the image that it was created from: the container keeps running", spec.Image))
	for i := range c.Diffs {
		if c.Diffs[i].Name == plan.ImageAttribute {
			c.Diffs[i].ForcesReplacement = false
		}
	}
}

// digestOf returns the digest of the image for containers of the given reference: the registry's where one of them is
// always pulled, else the namespace's, else the registry's. It is empty where there is none.
func (in *input) digestOf(key plan.ImageKey) string {
	status := in.actual.Images[key]
	switch {
	case in.pullsAlways(key) && status.Remote != "":
		return status.Remote
	case status.Local != "":
		return status.Local
	case in.pullsEver(key):
		return status.Remote
	}
	return ""
}

func (in *input) pullsAlways(key plan.ImageKey) bool {
	return in.anyWith(key, func(policy string) bool { return policy == resource.PullAlways })
}

// pullsEver reports whether a container of the reference may be created from the registry's image.
func (in *input) pullsEver(key plan.ImageKey) bool {
	return in.anyWith(key, func(policy string) bool { return policy != resource.PullNever })
}

// anyWith reports whether a desired container of the reference has a pull policy that fits.
func (in *input) anyWith(key plan.ImageKey, fits func(policy string) bool) bool {
	for _, r := range in.desired.Resources() {
		spec, ok := r.Spec.(*resource.Container)
		if ok && spec.Image == key.Reference && !r.External && fits(spec.PullPolicy) && in.prior.Namespace(r.Path, in.desired) == key.Namespace {
			return true
		}
	}
	return false
}

// moved reports whether the reference now has another digest than the image that a container was created from. An image
// that was removed from the namespace is no reason to change a running container.
func (in *input) moved(key plan.ImageKey, made string) bool {
	now := in.digestOf(key)
	return made != "" && now != "" && now != made && (in.actual.Images[key].Local != "" || in.pullsAlways(key))
}

// sameImage reports whether containers of the two digests are made from the same manifest, of which one may be an index.
func (in *input) sameImage(a, b string) bool {
	manifest := func(digest string) string {
		if m := in.actual.Manifests[digest]; m != "" {
			return m
		}
		return digest
	}
	return manifest(a) == manifest(b)
}

// needImage makes sure that the image of a container that will be made can be had, and notes its digest. It
// also makes sure that the paths of the host it uses are there.
func (d *containers) needImage(c *plan.Change, want *resource.Resource) {
	spec := want.Spec.(*resource.Container)
	key := plan.ImageKey{Namespace: c.After.Status.Namespace, Reference: spec.Image}
	digest := d.in.digestOf(key)
	switch {
	case digest == "" && spec.PullPolicy == resource.PullNever:
		d.diags.Errorf(want.RangeOf("image"), want.Path, "Image not found",
			"container %s needs image %s, which is not in containerd namespace %s, and its pull policy is never. Bring it in with: kuke image import --realm %s FILE.",
			want.Path, spec.Image, key.Namespace, want.Path.Realm())
	case digest == "":
		d.noImage(want, key)
	case digest == d.in.actual.Images[key].Remote && d.in.wrongPlatform(key):
		d.noImage(want, key)
	}
	c.After.Status.ImageDigest = digest
	if foreign := d.in.actual.Images[key].Foreign; foreign != "" && digest != "" {
		d.diags.Warnf(want.RangeOf("image"), want.Path, "Image of another architecture",
			"container %s is to run image %s, which is for %s. Its programs do not run on this host without emulation. Use an image for this host, or install binfmt_misc handlers for that architecture, like those of the package qemu-user-static.",
			want.Path, spec.Image, foreign)
	}
	d.check.checkProfile(want)
	d.check.checkHostPaths(want)
	d.check.checkFlaws(want, c.After)
}

// wrongPlatform reports whether the registry has the image for other platforms only.
func (in *input) wrongPlatform(key plan.ImageKey) bool {
	failed := in.actual.Images[key].Failure
	return failed != nil && failed.Cause == plan.RegistryPlatform
}

// noImage reports that an image is not in its namespace and can't be pulled.
func (d *containers) noImage(want *resource.Resource, key plan.ImageKey) {
	failed := d.in.actual.Images[key].Failure
	if failed == nil {
		failed = &plan.RegistryFailure{Cause: plan.RegistryNotFound, Text: "its registry was not asked", Remedy: "Plan again"}
	}
	lacks, hint := fmt.Sprintf("which is not in containerd namespace %s and", key.Namespace), ""
	if resource.PinnedDigest(key.Reference) != "" {
		lacks = fmt.Sprintf("but no image of containerd namespace %s has this digest, and it", key.Namespace)
		hint = fmt.Sprintf(" (kuke image list --realm %s shows those that are there)", want.Path.Realm())
	}
	d.diags.Errorf(want.RangeOf("image"), want.Path, failed.Title(),
		"container %s needs image %s, %s can't be pulled: %s. Otherwise bring the image in%s: kuke image import --realm %s FILE.",
		want.Path, key.Reference, lacks, failed, hint, want.Path.Realm())
}
