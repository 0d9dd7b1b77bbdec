package review

import (
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// Cost returns the effect of a plan on running containers, their networks and their data. The parts are in the order of the
// changes, and of the images.
func Cost(in Input) *plan.Cost {
	r := newReviewer(in)
	cost := &plan.Cost{ // no list is null as JSON
		Restarted: []resource.Path{}, Ended: []resource.Path{}, Interruptions: []plan.Interruption{}, ClosedPorts: []plan.ClosedPort{},
		Losses: []plan.Loss{}, Pulls: r.pulls(),
	}
	for _, c := range in.Plan.Changes {
		switch r.fateOf(c) {
		case restarts:
			cost.Restarted = append(cost.Restarted, c.Path)
		case ends:
			cost.Ended = append(cost.Ended, c.Path)
		}
		if loss := r.loss(c); loss != nil {
			cost.Losses = append(cost.Losses, *loss)
		}
	}
	for _, cell := range r.cells {
		if i := r.interruption(cell); i != nil {
			cost.Interruptions = append(cost.Interruptions, i.Interruption)
		}
		for _, closed := range r.closures(cell) {
			cost.ClosedPorts = append(cost.ClosedPorts, closed.ClosedPort)
		}
	}
	return cost
}

// loss returns the data that goes with the container of c, or nil.
func (r *reviewer) loss(c *plan.Change) *plan.Loss {
	if c.Path.Kind() != resource.KindContainer || c.Action != plan.Delete && c.Action != plan.Replace || r.live(c.Before) == nil {
		return nil
	}
	files, known := r.Facts.Files[c.Path]
	switch {
	case !known:
		return &plan.Loss{Container: c.Path}
	case files.Bytes == 0:
		return nil
	}
	return &plan.Loss{Container: c.Path, Bytes: &files.Bytes}
}

// pulls returns the images to pull, each once: namespaces share the content.
func (r *reviewer) pulls() []plan.Pull {
	pulls := []plan.Pull{}
	seen := map[[2]string]bool{}
	for _, image := range r.Plan.Images {
		key := [2]string{image.Reference, image.Digest}
		if !image.Pull || seen[key] {
			continue
		}
		seen[key] = true
		pull := plan.Pull{Reference: image.Reference}
		if size, known := r.Facts.Sizes[image.Digest]; known {
			pull.Bytes = &size
		}
		pulls = append(pulls, pull)
	}
	return pulls
}
