package planner

import (
	"maps"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// orphan is something of ours that an interrupted apply left unrecorded.
type orphan struct {
	namespace string
	project   string
	container *plan.Container // nil for a realm's namespace and a space's network
	network   *state.Network
	// kept says that it is the namespace of a realm that was destroyed, with its images.
	kept bool
}

// record returns the record in the labels of an orphan.
func (o *orphan) record(p resource.Path) *state.Record {
	spec := resource.NewSpec(p.Kind())
	r := &state.Record{Path: p, Spec: spec, Status: state.Status{Project: o.project, Namespace: o.namespace}}
	if c, ok := spec.(*resource.Container); ok {
		c.Root = o.container.Labels[plan.LabelRole] == "root"
		r.Status.ContainerID = o.container.ID
	}
	if o.network != nil {
		r.Status.Network = o.network
	}
	r.Status.Cgroup = resource.CgroupOf(p, spec)
	return r
}

// orphansOf returns the unrecorded resources of kuke; namespaces that were kept for their images are among them only where
// the images are to be removed.
func orphansOf(prior *state.State, actual *plan.Actual, images bool) map[resource.Path]*orphan {
	orphans := map[resource.Path]*orphan{}
	known := state.RecordedIDs(prior)
	for _, name := range slices.Sorted(maps.Keys(actual.Namespaces)) {
		ns := actual.Namespaces[name]
		if p, err := resource.ParsePath(ns.Labels[plan.LabelPath]); err == nil && p.Kind() == resource.KindRealm && prior.Records[p] == nil {
			if kept := ns.Labels[plan.LabelKept] != ""; !kept || images {
				orphans[p] = &orphan{namespace: name, project: ns.Labels[plan.LabelProject], kept: kept}
			}
		}
		for id, c := range ns.Containers {
			if p, ok := plan.Claims(id, c.Labels); ok && prior.Records[p] == nil && !known[[2]string{name, id}] {
				orphans[p] = &orphan{namespace: name, project: c.Labels[plan.LabelProject], container: c}
			}
		}
	}
	recorded := state.HostNamesOf(prior).Networks
	for i, n := range actual.CNINetworks {
		p, err := resource.ParsePath(n.Path)
		if _, ok := recorded[n.Name]; ok {
			continue // of a space that was moved, until that is carried out
		}
		if network := plan.NetworkOfSpace(&actual.CNINetworks[i]); err == nil && p.Kind() == resource.KindSpace && prior.Records[p] == nil && network != nil {
			orphans[p] = &orphan{namespace: prior.Namespace(p, nil), project: n.Project, network: network}
		}
	}
	return orphans
}

// orphanOf returns the orphan that the container is, and its path, or nil.
func (in *input) orphanOf(c *plan.Container) (resource.Path, *orphan) {
	p := resource.Path(c.Labels[plan.LabelPath])
	if o := in.orphans[p]; o != nil && o.container == c {
		return p, o
	}
	return p, nil
}
