package planner

import (
	"fmt"
	"slices"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/internal/allocate"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// statusOfVolume returns the part of the status that only the wanted volume at p has. It keeps its place, whatever its path was.
func (d *decider) statusOfVolume(p resource.Path, have *state.Record) *state.Volume {
	status := state.Volume{}
	if have == nil {
		status.Place = allocate.VolumePlace(d.in.hostNames, p)
	} else {
		status = *have.Status.Volume
	}
	if of, ok := d.in.imageMounts[p]; ok {
		status.Image = &of
	}
	if !d.in.opts.ByHand {
		status.KeptSince = nil
	}
	return &status
}

// newVolume notes in c, which creates a volume, that the host has a directory at its place.
func (d *decider) newVolume(c *plan.Change, want *resource.Resource) *plan.Change {
	d.checkVolumePath(want)
	if of := c.After.Status.Volume.Image; of != nil {
		c.Reasons = append(c.Reasons, fmt.Sprintf("the image of container %s declares a volume at %s, and nothing else is mounted there", of.Container, of.Target))
	}
	if d.in.actual.FoundPlaces[c.After.Status.Volume.Place] {
		c.Reasons = append(c.Reasons, "its directory exists, and is used with the data in it")
	}
	return c
}

// existingVolume adds to c the decisions for volumes only.
func (d *decider) existingVolume(c *plan.Change, want *resource.Resource) {
	d.checkVolumePath(want)
	update := func(format string, args ...any) {
		c.Action = plan.Update
		c.Reasons = append(c.Reasons, fmt.Sprintf(format, args...))
	}
	before, after := c.Before.Spec.(*resource.Volume), want.Spec.(*resource.Volume)
	if before.Path != after.Path || (before.DriverOpts == nil) != (after.DriverOpts == nil) {
		d.diags.Errorf(want.RangeOf("path"), c.Path, "Moved volume",
			"volume %s would have its data in another place, and kuke moves no data. Move the data yourself, forget the record with: kuke state rm %s, and apply again. Or give the new volume another name.", c.Path, c.Path)
	}
	if since := c.Before.Status.Volume.KeptSince; since != nil && !d.in.opts.ByHand {
		update("it was kept since %s, and is taken up again", since.UTC().Format(time.RFC3339))
	}
	if d.in.lost(c.Before) {
		reason := outside + "the directory of its data is missing: its data is gone, and it is made again, empty"
		update("%s", reason)
		d.draft.repaired[c.Path] = append(d.draft.repaired[c.Path], reason)
		c.After.Status.Volume.Filled = false
		d.diags.Warnf(want.Declared, c.Path, "Data of a volume is gone", "The directory of the data of volume %s is missing. Its data is gone: this plan makes an empty volume. To restore the data from a backup, do that before containers write to the volume.", c.Path)
	}
}

// checkVolumePath makes sure that the directory of a volume with a path of its own is there.
func (d *decider) checkVolumePath(want *resource.Resource) {
	if dir := want.Spec.(*resource.Volume).Path; d.in.actual.MissingPaths[dir] {
		d.diags.Errorf(want.RangeOf("path"), want.Path, "Directory of the volume is missing", "volume %s has its data in %s, but this host has no directory of that name: create it first.", want.Path, dir)
	}
}

// lost reports whether the data of a recorded volume is gone.
func (in *input) lost(r *state.Record) bool {
	v := r.Spec.(*resource.Volume)
	return v.Path == "" && v.DriverOpts == nil && in.actual.LostPlaces[r.Status.Volume.Place]
}

// decideUnwantedVolume decides on a recorded volume that isn't desired: it is kept, unless its reclaim policy or the options say
// that it is deleted.
func (d *pruner) decideUnwantedVolume(p resource.Path, have *state.Record) *plan.Change {
	parentGoes := d.draft.parentGoes(p)
	ours := d.in.ours(have.Status.Project)
	if !ours && (have.Status.Project != "" || !parentGoes) {
		return nil
	}
	named := d.in.opts.ByHand && slices.Contains(d.in.opts.Targets, p)
	inScope := d.in.opts.Destroy || parentGoes || d.in.left(p)
	policy := have.Spec.(*resource.Volume).ReclaimPolicy
	leaves := inScope || d.in.prior.Records[p.Parent()] == nil
	deletes := d.in.opts.Destroy && (d.in.opts.Volumes || named) || inScope && policy == resource.ReclaimDelete
	if !deletes || !d.draft.mayDelete(p) || d.in.opts.ByHand && !d.in.opts.Destroy && !parentGoes {
		if leaves && d.draft.mayDelete(p) && (!d.in.opts.ByHand || parentGoes) {
			d.draft.kept[p] = true
		}
		return nil
	}
	c := &plan.Change{Path: p, Action: plan.Delete, Before: have, Diffs: plan.Compare(have.Spec, nil)}
	if !d.in.opts.Destroy {
		c.Cause = plan.CauseConfiguration
	}
	if !d.in.opts.Destroy && !parentGoes {
		c.Reasons = append(c.Reasons, "no longer in the configuration")
	}
	if policy == resource.ReclaimDelete {
		c.Reasons = append(c.Reasons, "its reclaim policy is Delete")
	}
	return c
}

// remade says how the volumes that the container mounts change so that it must be created again, or returns "".
func (d *draft) remade(want *resource.Resource) string {
	var created time.Time // not known of a container without a record
	if have := d.in.prior.Records[want.Path]; have != nil && have.Status.CreatedAt != nil {
		created = *have.Status.CreatedAt
	}
	for _, p := range resource.VolumesOf(want.Spec) {
		if r := d.in.prior.Records[p]; r != nil && r.Status.Volume.RemadeAt != nil && created.Before(*r.Status.Volume.RemadeAt) {
			return fmt.Sprintf("replaced because volume %s was made again since", p) // by an apply that was interrupted then
		}
		c := d.changes[p]
		if c == nil || c.After == nil {
			continue
		}
		switch {
		case c.Action == plan.Create && !d.in.actual.FoundPlaces[c.After.Status.Volume.Place]:
			return fmt.Sprintf("replaced because volume %s is created", p)
		case c.Action == plan.Update && d.in.lost(c.Before):
			return fmt.Sprintf("replaced because volume %s is made again", p)
		case slices.ContainsFunc(c.Diffs, func(df plan.Diff) bool { return df.Within("driverOpts") || df.Within("path") }):
			return fmt.Sprintf("replaced because volume %s changes its file system", p)
		}
	}
	return ""
}

// checkVolumes makes sure that the volumes that a container mounts will be there.
func (h *hostCheck) checkVolumes(want *resource.Resource) {
	for _, m := range want.Spec.(*resource.Container).Volumes {
		if v, ok := h.in.specOf(resource.Path(m.Volume)).(*resource.Volume); ok && v.DriverOpts != nil && m.Subpath != "" {
			h.diags.Errorf(want.RangeOf("volumes"), want.Path, "Invalid mount", "container %s mounts a part of volume %s, which is a file system that each container mounts whole. Remove subpath, or name the part in the device of the volume.", want.Path, m.Volume)
		}
	}
	for _, p := range resource.VolumesOf(want.Spec) {
		if h.in.desired.Resource(p) != nil || h.in.prior.Records[p] != nil {
			continue
		}
		h.diags.Errorf(want.RangeOf("volumes"), want.Path, "Undeclared volume", "container %s mounts volume %s, which is neither in the configuration nor in the state. Declare it, as in volume %q { parent = %q }, or create it first with: kuke create volume %s.",
			want.Path, p, p.Name(), p.Parent(), p)
	}
}

// checkVolumesInUse refuses to delete a volume that a container still mounts afterwards.
func (d *review) checkVolumesInUse() {
	users := map[resource.Path][]*state.Record{}
	for _, q := range d.draft.order {
		if r := d.draft.after(q); r != nil {
			for _, p := range resource.VolumesOf(r.Spec) {
				users[p] = append(users[p], r)
			}
		}
	}
	for _, p := range d.draft.order {
		c := d.draft.changes[p]
		if c == nil || !p.IsVolume() || c.Action != plan.Delete || len(users[p]) == 0 {
			continue
		}
		user := users[p][0]
		whose := ""
		if project := user.Status.Project; project != "" && project != d.in.opts.Project {
			whose = fmt.Sprintf(" of project %q", project)
		}
		d.diags.Errorf(resource.Range{}, p, "Volume in use", "volume %s is to be deleted, but container %s%s mounts it. Delete that container first, or keep the volume.", p, user.Path, whose)
	}
}
