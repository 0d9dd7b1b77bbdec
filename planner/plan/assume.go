package plan

import (
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// Assume fills actual with the recorded resources of prior, as if the host matched the record. Images, the number of images
// of a namespace and the rest of the host stay as observed.
func Assume(prior *state.State, actual *Actual) {
	seen := actual.Namespaces
	actual.Namespaces, actual.Cgroups = map[string]*Namespace{}, map[string]resource.Resources{}
	actual.Networks, actual.Cells = map[resource.Path][]string{}, map[resource.Path]*CellNetwork{}
	actual.Mappings, actual.LostPlaces = nil, nil
	names := NewHosts(NamesOf(prior))
	const netns = 1 // any number will do: all of a cell are in one
	for _, p := range prior.Paths() {
		r := prior.Records[p]
		if p.IsVolume() {
			continue
		}
		actual.Cgroups[r.Status.Cgroup] = resource.Resources{}
		if r.Status.Limits != nil {
			actual.Cgroups[r.Status.Cgroup] = *r.Status.Limits
		}
		ns := actual.Namespaces[r.Status.Namespace]
		if ns == nil {
			ns = &Namespace{Containers: map[string]*Container{}}
			if found := seen[r.Status.Namespace]; found != nil {
				ns.Images = found.Images
			}
			actual.Namespaces[r.Status.Namespace] = ns
		}
		switch p.Kind() {
		case resource.KindRealm:
			ns.Labels = map[string]string{LabelPath: string(p), LabelProject: r.Status.Project}
		case resource.KindCell:
			actual.Cells[p] = &CellNetwork{ID: r.CellID(), NetNS: netns, Addresses: addressesOf(r.Status.Attachment), Addresses6: addresses6Of(r.Status.Attachment), Hosts: names.File(p, r.Status.Attachment)}
		case resource.KindContainer:
			ns.Containers[r.Status.ContainerID] = assumed(r, netns)
		}
	}
}

func addressesOf(a *state.Attachment) map[string]string {
	all := map[string]string{}
	if a != nil {
		for _, i := range a.Interfaces {
			all[i.Name] = i.Address
		}
	}
	return all
}

func addresses6Of(a *state.Attachment) map[string]string {
	all := map[string]string{}
	if a != nil {
		for _, i := range a.Interfaces {
			if i.Address6 != "" {
				all[i.Name] = i.Address6
			}
		}
	}
	return all
}

// assumed returns a recorded container as containerd would have it.
func assumed(r *state.Record, netns uint64) *Container {
	c := &Container{ID: r.Status.ContainerID, Status: TaskRunning, NetNS: netns, Labels: map[string]string{
		LabelPath: string(r.Path), LabelProject: r.Status.Project, LabelSpecDigest: r.Status.SpecDigest, LabelImageDigest: r.Status.ImageDigest,
	}}
	switch {
	case r.Status.Run == state.RunPaused:
		c.Status = TaskPaused
	case r.Status.Exit != nil:
		c.Status, c.ExitCode = TaskStopped, r.Status.Exit.Code
	case r.Status.Run != "" || r.Status.Health != nil && r.Status.Health.State == state.Completed:
		c.Status = TaskStopped
	}
	if policy := r.Spec.(*resource.Container).RestartPolicy; policy != "no" && c.Status == TaskRunning {
		c.RestartPolicy = policy
	}
	return c
}
