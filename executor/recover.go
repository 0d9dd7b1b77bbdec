package executor

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

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
	v := &planner.Evidence{Cgroups: map[string]realm.Resources{}, Cells: map[realm.Path][]planner.InterfaceEvidence{}}
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
	if err := e.cgroupEvidence(v, topCgroup); err != nil {
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
		found.Cgroup, found.CellID = placeOf(i.Spec, realm.CgroupOf(p, found.Spec))
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

// placeOf returns the cgroup that a container is made in, which is the natural one unless something was moved, and the id of its
// cell, as far as the spec tells.
func placeOf(spec *specs.Spec, natural string) (cgroup, cell string) {
	cgroup = natural
	if spec.Linux == nil {
		return cgroup, ""
	}
	if made := spec.Linux.CgroupsPath; strings.HasPrefix(made, topCgroup+"/") && strings.Count(made, "/") == strings.Count(natural, "/") {
		cgroup = made
	}
	for _, ns := range spec.Linux.Namespaces {
		if ns.Type == specs.NetworkNamespace && filepath.Dir(ns.Path) == netnsDir {
			cell = filepath.Base(ns.Path)
		}
	}
	return cgroup, cell
}

// cgroupEvidence looks at the levels in a cgroup.
func (e *Executor) cgroupEvidence(v *planner.Evidence, cgroup string) error {
	names, err := e.cgroups.Children(cgroup)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		inner := cgroup + "/" + name
		limits, err := e.cgroups.Limits(inner)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		v.Cgroups[inner] = limits
		if strings.Count(inner, "/") > realm.KindCell.Depth() {
			continue
		}
		if err := e.cgroupEvidence(v, inner); err != nil {
			return err
		}
	}
	return nil
}

func (e *Executor) cellEvidence(v *planner.Evidence) error {
	ids, used := map[realm.Path]string{}, map[string]bool{}
	for _, c := range v.Containers {
		cell := c.Path.Parent()
		if ids[cell] == "" {
			ids[cell] = cmp.Or(c.CellID, state.CellID(cell))
			used[ids[cell]] = true
		}
	}
	for cgroup := range v.Cgroups {
		p, err := realm.ParsePath(strings.TrimPrefix(cgroup, topCgroup+"/"))
		if err == nil && p.Kind() == realm.KindCell && ids[p] == "" && !used[state.CellID(p)] {
			ids[p] = state.CellID(p)
		}
	}
	for cell, id := range ids {
		attachments, err := e.networks.Remembered(id)
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
