package state

import (
	"slices"

	"github.com/kukeon/kuke/config/resource"
)

// HostNames tells which resource is known on the host by a name. A resource that was moved keeps the names of its former path, so
// that another one at that path needs others.
type HostNames struct {
	Containers               map[[2]string]resource.Path // by namespace and id
	Cells, Cgroups, Networks map[string]resource.Path
	Bridges                  map[string]resource.Path
	Places                   map[string]resource.Path // of volumes
}

// HostNamesOf returns the names that recorded resources have on the host.
func HostNamesOf(prior *State) *HostNames {
	h := &HostNames{
		Containers: map[[2]string]resource.Path{}, Cells: map[string]resource.Path{}, Cgroups: map[string]resource.Path{},
		Networks: map[string]resource.Path{}, Bridges: map[string]resource.Path{}, Places: map[string]resource.Path{},
	}
	for p, r := range prior.Records {
		if r.Status.Cgroup != "" {
			h.Cgroups[r.Status.Cgroup] = p
		}
		switch p.Kind() {
		case resource.KindSpace:
			if n := r.Status.Network; n != nil {
				h.Networks[n.Name], h.Bridges[n.Bridge] = p, p
			}
		case resource.KindCell:
			h.Cells[r.CellID()] = p
		case resource.KindVolume:
			h.Places[r.Status.Volume.Place] = p
		case resource.KindContainer:
			h.Containers[[2]string{r.Status.Namespace, r.Status.ContainerID}] = p
		}
	}
	return h
}

// Belongs reports whether no other resource than p has any of the names in s, the status that p is to have.
func (h *HostNames) Belongs(p resource.Path, s *Status) bool {
	owners := []resource.Path{h.Cgroups[s.Cgroup]}
	switch p.Kind() {
	case resource.KindSpace:
		if s.Network != nil {
			owners = append(owners, h.Networks[s.Network.Name], h.Bridges[s.Network.Bridge])
		}
	case resource.KindCell:
		owners = append(owners, h.Cells[(&Record{Path: p, Status: *s}).CellID()])
	case resource.KindVolume:
		owners = append(owners, h.Places[s.Volume.Place])
	case resource.KindContainer:
		owners = append(owners, h.Containers[[2]string{s.Namespace, s.ContainerID}])
	}
	return !slices.ContainsFunc(owners, func(owner resource.Path) bool { return owner != "" && owner != p })
}

// RecordedIDs holds the containers that records are of, by namespace and id: those that were renamed keep their labels until
// that is carried out.
func RecordedIDs(prior *State) map[[2]string]bool {
	known := map[[2]string]bool{}
	for _, r := range prior.Records {
		if r.Status.ContainerID != "" {
			known[[2]string{r.Status.Namespace, r.Status.ContainerID}] = true
		}
	}
	return known
}
