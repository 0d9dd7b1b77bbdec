package planner

import (
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// hostVolumes holds the directories of volumes, by their places: a number tells one that was made again.
type hostVolumes struct {
	places map[string]int
	made   int
	// mounted holds the directories that containers were made with.
	mounted map[resource.Path]map[string]int
	created map[resource.Path]time.Time
}

func newHostVolumes() hostVolumes {
	return hostVolumes{places: map[string]int{}, mounted: map[resource.Path]map[string]int{}, created: map[resource.Path]time.Time{}}
}

// refreshVolumes looks for the directories of volumes, as the executor does.
func (h *host) refreshVolumes(desired *resource.Tree) {
	h.actual.LostPlaces, h.actual.FoundPlaces = map[string]bool{}, map[string]bool{}
	for p, r := range h.prior.Records {
		if p.IsVolume() && h.places[r.Status.Volume.Place] == 0 {
			h.actual.LostPlaces[r.Status.Volume.Place] = true
		}
	}
	if desired == nil {
		return
	}
	for _, r := range desired.Resources() {
		if r.Path.IsVolume() && h.prior.Records[r.Path] == nil && h.places[state.VolumePlace(r.Path, 1)] != 0 {
			h.actual.FoundPlaces[state.VolumePlace(r.Path, 1)] = true
		}
	}
}

// makeVolume makes the directory of a volume, if it is missing, in a parent that is recorded.
func (h *host) makeVolume(r *state.Record, fail failFunc) {
	if h.prior.Records[r.Path.Parent()] == nil {
		fail("the parent is not recorded")
	}
	if h.places[r.Status.Volume.Place] != 0 {
		return
	}
	h.made++
	h.places[r.Status.Volume.Place] = h.made
	if h.prior.Records[r.Path] != nil {
		status, now := *r.Status.Volume, h.now()
		status.RemadeAt = &now
		r.Status.Volume = &status
	}
}

// now is another time after each directory that was made.
func (h *host) now() time.Time { return at.Add(time.Duration(h.made) * time.Second) }

// mount makes sure that the volumes of a container are there, and returns their directories.
func (h *host) mount(r *state.Record, fail failFunc) map[string]int {
	mounted := map[string]int{}
	for _, p := range resource.VolumesOf(r.Spec) {
		v := h.prior.Records[p]
		if v == nil || h.places[v.Status.Volume.Place] == 0 {
			fail("volume %s is not there", p)
		}
		mounted[v.Status.Volume.Place] = h.places[v.Status.Volume.Place]
	}
	return mounted
}

// removeVolume deletes a volume that no container mounts.
func (h *host) removeVolume(r *state.Record, fail failFunc) {
	for q, other := range h.prior.Records {
		if slices.Contains(resource.VolumesOf(other.Spec), r.Path) {
			fail("%s mounts it", q)
		}
	}
	delete(h.places, r.Status.Volume.Place)
	delete(h.prior.Records, r.Path)
}

// noteKept records since when volumes are kept, as the executor does.
func (h *host) noteKept(p *plan.Plan) {
	for _, kept := range p.Kept {
		if r := *h.prior.Records[kept.Path]; !r.IsKept() {
			status, now := *r.Status.Volume, at
			status.KeptSince = &now
			r.Status.Volume = &status
			h.prior.Records[kept.Path] = &r
		}
	}
}

// checkVolumes makes sure that no data was lost but that of volumes with the policy, that all that is not desired is kept, and that
// containers mount the directories that there are. It returns the number of volumes.
func (h *host) checkVolumes(desired *resource.Tree) (volumes int) {
	h.Helper()
	for p, r := range h.prior.Records {
		if !p.IsVolume() {
			continue
		}
		volumes++
		if want := desired.Resource(p); (want == nil) != r.IsKept() {
			h.Fatalf("volume %s is kept: %t", p, r.IsKept())
		}
		if r.IsKept() && r.Spec.(*resource.Volume).ReclaimPolicy == resource.ReclaimDelete {
			h.Fatalf("volume %s is kept against its policy", p)
		}
	}
	for p, r := range h.prior.Records {
		if p.Kind() != resource.KindContainer {
			continue
		}
		now := h.mount(r, func(format string, args ...any) { h.Fatalf(string(p)+": "+format, args...) })
		if before := h.mounted[p]; !maps.Equal(now, before) {
			h.Fatalf("container %s mounts %v, not %v", p, before, now)
		}
	}
	return volumes
}

// volumes gives a resource volumes now and then.
func (g *generator) volumes(in resource.Path) {
	for _, name := range []string{"v", "w", "x", "y"} {
		if !g.rarely("has volume " + name) {
			continue
		}
		spec := randomSpec(g.T, resource.KindVolume).(*resource.Volume)
		spec.ReclaimPolicy = rapid.SampledFrom([]string{"", "", resource.ReclaimDelete}).Draw(g.T, "reclaim policy")
		switch name { // which never changes: kuke moves no data
		case "x":
			spec.Path = "/x"
		case "y":
			spec.DriverOpts = rapid.SampledFrom([]*resource.DriverOpts{{Type: "tmpfs"}, {Type: "tmpfs", O: "size=1m"}}).Draw(g.T, "file system")
		}
		g.add(in.Volume(name), spec)
	}
}

// mounts lets containers mount volumes of their realm.
func (g *generator) mounts() {
	for _, r := range g.tree.Resources() {
		c, ok := r.Spec.(*resource.Container)
		if !ok {
			continue
		}
		c.Volumes = nil
		for _, v := range g.tree.Resources() {
			if v.Path.IsVolume() && v.Path.Realm() == r.Path.Realm() && g.rarely("mounts") {
				c.Volumes = append(c.Volumes, resource.VolumeMount{Target: "/" + string(v.Path), Volume: string(v.Path)})
			}
		}
	}
}
