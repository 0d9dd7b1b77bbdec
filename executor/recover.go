package executor

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/executor/internal/network"
	"github.com/kukeon/kuke/executor/internal/runtime"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/state"
)

// Recover records what prior lacks and the host tells of by labels, names and files, and returns the records and what
// the host doesn't tell. Nothing that runs is touched; only the files that the containers of a cell see in /etc are
// written again. Done again, it goes on where it was cut short.
func (e *Executor) Recover(ctx context.Context, prior *state.State) ([]*state.Record, []string, error) {
	evidence, err := e.evidence(ctx, prior)
	if err != nil {
		return nil, nil, err
	}
	records, notes := planner.Recover(prior, evidence, time.Now().UTC().Truncate(time.Millisecond))
	if slices.ContainsFunc(records, func(r *state.Record) bool { return slices.ContainsFunc(realm.Leaves(r.Spec), realm.Leaf.Sealed) }) {
		if err := e.secrets.saveKey(); err != nil {
			return nil, nil, err
		}
	}
	whole := &state.State{Records: map[realm.Path]*state.Record{}}
	for p, r := range prior.Records {
		whole.Records[p] = r
	}
	for _, r := range records {
		whole.Records[r.Path] = r
	}
	names := planner.NamesOf(whole)
	for _, r := range records {
		if err := e.store.Put(r); err != nil {
			return nil, nil, err
		}
		if r.Path.Kind() != realm.KindCell || r.Status.Attachment == nil {
			continue
		}
		if err := e.writeFiles(r, names); err != nil {
			return nil, nil, err
		}
	}
	return records, notes, e.store.Commit()
}

func (e *Executor) evidence(ctx context.Context, prior *state.State) (*planner.Evidence, error) {
	v := &planner.Evidence{Cgroups: map[realm.Path]realm.Resources{}, Cells: map[realm.Path][]planner.InterfaceEvidence{}}
	namespaces, err := e.runtime.Namespaces(ctx)
	if err != nil {
		return nil, err
	}
	for name, labels := range namespaces {
		p, err := realm.ParsePath(labels[planner.LabelPath])
		if err != nil || p.Kind() != realm.KindRealm || labels[planner.LabelKept] != "" {
			continue
		}
		v.Realms = append(v.Realms, planner.RealmEvidence{Path: p, Namespace: name, Project: labels[planner.LabelProject], Labels: userLabels(labels, nil)})
		if err := e.containerEvidence(ctx, v, name, prior); err != nil {
			return nil, err
		}
	}
	if err := e.networkEvidence(v); err != nil {
		return nil, err
	}
	if err := e.cgroupEvidence(v, ""); err != nil {
		return nil, err
	}
	return v, e.cellEvidence(v)
}

func (e *Executor) containerEvidence(ctx context.Context, v *planner.Evidence, namespace string, prior *state.State) error {
	containers, err := e.runtime.List(ctx, namespace)
	if err != nil {
		return err
	}
	recorded := planner.RecordedIDs(prior)
	for _, c := range containers {
		p, ok := planner.Claims(c.ID, c.Labels)
		if !ok || prior.Records[p] != nil || recorded[[2]string{namespace, c.ID}] {
			continue
		}
		i, err := e.runtime.Inspect(ctx, namespace, c.ID)
		if err != nil {
			return err
		}
		found := planner.ContainerEvidence{
			Path: p, ID: c.ID, Namespace: namespace, Project: c.Labels[planner.LabelProject],
			SpecDigest: c.Labels[planner.LabelSpecDigest], ImageDigest: c.Labels[planner.LabelImageDigest], CreatedAt: c.CreatedAt,
		}
		own := func(source string) bool { return e.ownFile(p.Parent(), source) }
		root := c.Labels[planner.LabelRole] == "root"
		hidden, err := e.secrets.hiddenOf(p, c.ID, i.Spec.Annotations)
		if err != nil {
			return err
		}
		var read *realm.Container
		if read, found.Exact = runtime.Match(i, own, root, hidden.digestOf, hidden.digest(found.SpecDigest)); !found.Exact {
			read = runtime.Describe(i, own).Spec
			read.Root = root
			hidden.widen()
		}
		found.Spec = hidden.seal(read)
		found.Spec.Labels, found.Spec.RestartPolicy = userLabels(c.Labels, nil), c.RestartPolicy
		if found.Cgroup = realm.CgroupOf(p, found.Spec); c.Labels[planner.LabelID] == c.ID && i.Spec.Linux != nil {
			found.Cgroup = i.Spec.Linux.CgroupsPath // which one that was renamed keeps, as its id
		}
		limits, err := e.cgroups.Limits(found.Cgroup)
		switch {
		case err == nil:
			found.Limits = &limits
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		v.Containers = append(v.Containers, found)
	}
	return nil
}

func (e *Executor) networkEvidence(v *planner.Evidence) error {
	survey, err := e.networks.Survey(false)
	if err != nil {
		return err
	}
	for _, n := range survey.Networks {
		v.Networks = append(v.Networks, planner.CNINetwork(n))
	}
	return nil
}

// cgroupEvidence looks at the cgroups of the levels at and below p; for the empty path, at all.
func (e *Executor) cgroupEvidence(v *planner.Evidence, p realm.Path) error {
	cgroup := topCgroup
	if p != "" {
		cgroup = realm.CgroupOf(p, realm.NewSpec(p.Kind()))
		limits, err := e.cgroups.Limits(cgroup)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		v.Cgroups[p] = limits
		if p.Kind() == realm.KindCell {
			return nil
		}
	}
	names, err := e.cgroups.Children(cgroup)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		if realm.CheckName(name) != nil {
			continue
		}
		if err := e.cgroupEvidence(v, p.Join(name)); err != nil {
			return err
		}
	}
	return nil
}

func (e *Executor) cellEvidence(v *planner.Evidence) error {
	cells := map[realm.Path]bool{}
	for _, c := range v.Containers {
		cells[c.Path.Parent()] = true
	}
	for p := range v.Cgroups {
		if p.Kind() == realm.KindCell {
			cells[p] = true
		}
	}
	for cell := range cells {
		attachments, err := e.networks.Remembered(state.CellID(cell))
		if err != nil {
			return err
		}
		for _, a := range attachments {
			v.Cells[cell] = append(v.Cells[cell], planner.InterfaceEvidence{Name: a.Interface, Network: a.Network, Address: a.Address, Published: publishedOf(a.Ports)})
		}
	}
	return nil
}

// publishedOf turns single ports into ranges where they follow each other.
func publishedOf(ports []network.PortMapping) []string {
	var merged []realm.Port
	for _, m := range ports {
		if n := len(merged) - 1; n >= 0 && merged[n].HostIP == m.HostIP && merged[n].Protocol == m.Protocol &&
			merged[n].Host.Last+1 == int(m.HostPort) && merged[n].Container.Last+1 == int(m.ContainerPort) {
			merged[n].Host.Last++
			merged[n].Container.Last++
			continue
		}
		one := func(port uint16) realm.PortRange { return realm.PortRange{First: int(port), Last: int(port)} }
		merged = append(merged, realm.Port{HostIP: m.HostIP, Host: one(m.HostPort), Container: one(m.ContainerPort), Protocol: m.Protocol})
	}
	var published []string
	for _, p := range merged {
		published = append(published, p.String())
	}
	slices.Sort(published)
	return published
}
