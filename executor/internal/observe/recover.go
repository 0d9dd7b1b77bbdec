package observe

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/cgroup"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/executor/internal/network"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
	"github.com/kukeon/kuke/planner/state/durable"
)

// Evidence returns the resources that prior lacks as the labels, names and files of the host tell them, at and below the
// lost paths, or all where lost is empty. It changes nothing.
func (o *Host) Evidence(ctx context.Context, prior *state.State, lost []resource.Path) (*plan.Evidence, error) {
	v := &plan.Evidence{Cgroups: map[string]resource.Resources{}, Cells: map[resource.Path][]plan.InterfaceEvidence{}}
	namespaces, err := o.Containerd.Namespaces(ctx)
	if err != nil {
		return nil, err
	}
	for name, labels := range namespaces {
		p, err := resource.ParsePath(labels[plan.LabelPath])
		if err != nil || p.Kind() != resource.KindRealm || labels[plan.LabelKept] != "" {
			continue
		}
		v.Realms = append(v.Realms, plan.RealmEvidence{Path: p, Namespace: name, Project: labels[plan.LabelProject], Labels: containers.UserLabels(labels, nil)})
		if err := o.containerEvidence(ctx, v, name, prior, lost); err != nil {
			return nil, err
		}
	}
	if err := o.networkEvidence(v); err != nil {
		return nil, err
	}
	if err := o.cgroupEvidence(v, cgroup.Top); err != nil {
		return nil, err
	}
	return v, o.cellEvidence(v, prior)
}

func (o *Host) containerEvidence(ctx context.Context, v *plan.Evidence, namespace string, prior *state.State, lost []resource.Path) error {
	list, err := containers.List(ctx, o.Containerd, namespace)
	if err != nil {
		return err
	}
	recorded := state.RecordedIDs(prior)
	for _, c := range list {
		p, ok := plan.Claims(c.ID, c.Labels)
		if !ok || !tells(prior, recorded, p, [2]string{namespace, c.ID}) || len(lost) > 0 && !plan.Within(lost, p) {
			continue
		}
		i, err := containers.Inspect(ctx, o.Containerd, namespace, c.ID)
		if err != nil {
			return err
		}
		found := plan.ContainerEvidence{
			Path: p, ID: c.ID, Namespace: namespace, Project: c.Labels[plan.LabelProject],
			SpecDigest: c.Labels[plan.LabelSpecDigest], ImageDigest: c.Labels[plan.LabelImageDigest], CreatedAt: c.CreatedAt,
		}
		if found.Spec, err = o.Secrets.MadeFrom(p, c.ID, i); err != nil {
			return err
		}
		role := &resource.Container{Root: c.Labels[plan.LabelRole] == "root"}
		found.Cgroup, found.CellID = placeOf(i.Spec, resource.CgroupOf(p, role))
		limits, err := o.Cgroups.Limits(found.Cgroup)
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

// tells reports whether the container that claims p, with this namespace and id, is evidence of a lost record: its own, or
// that of its cell, whose id no other record has.
func tells(prior *state.State, recorded map[[2]string]bool, p resource.Path, id [2]string) bool {
	if have := prior.Records[p]; have != nil {
		return prior.Records[p.Parent()] == nil && have.Status.ContainerID == id[1]
	}
	return !recorded[id]
}

func (o *Host) networkEvidence(v *plan.Evidence) error {
	survey, err := o.Networks.Survey(false, false)
	if err != nil {
		return err
	}
	for _, n := range survey.Networks {
		v.Networks = append(v.Networks, plan.CNINetwork(n))
	}
	return nil
}

// placeOf returns the cgroup that a container is made in, which is the natural one unless a resource was moved, and the id
// of its cell, as far as the spec holds them.
func placeOf(spec *specs.Spec, natural string) (dir, cell string) {
	dir = natural
	if spec.Linux == nil {
		return dir, ""
	}
	if made := spec.Linux.CgroupsPath; strings.HasPrefix(made, cgroup.Top+"/") && strings.Count(made, "/") == strings.Count(natural, "/") {
		dir = made
	}
	for _, ns := range spec.Linux.Namespaces {
		if ns.Type == specs.NetworkNamespace && filepath.Dir(ns.Path) == netns.Dir {
			cell = filepath.Base(ns.Path)
		}
	}
	return dir, cell
}

// cgroupEvidence reads the cgroups of realms, spaces, stacks and cells below a cgroup.
func (o *Host) cgroupEvidence(v *plan.Evidence, cgroup string) error {
	names, err := o.Cgroups.Children(cgroup)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		inner := cgroup + "/" + name
		limits, err := o.Cgroups.Limits(inner)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		v.Cgroups[inner] = limits
		if strings.Count(inner, "/") > resource.KindCell.Depth() {
			continue
		}
		if err := o.cgroupEvidence(v, inner); err != nil {
			return err
		}
	}
	return nil
}

// lostCells returns the ids of the cells without a record: from their containers, or else from their paths.
func lostCells(v *plan.Evidence, prior *state.State) map[resource.Path]string {
	ids, used := map[resource.Path]string{}, map[string]bool{}
	add := func(cell resource.Path, id string) {
		if prior.Records[cell] == nil && ids[cell] == "" && !used[id] {
			ids[cell], used[id] = id, true
		}
	}
	for p, r := range prior.Records {
		if p.Kind() == resource.KindCell {
			used[r.CellID()] = true
		}
	}
	for _, c := range v.Containers {
		if cell := c.Path.Parent(); c.CellID != "" && prior.Records[cell] == nil {
			ids[cell], used[c.CellID] = c.CellID, true // also where an interrupted move has left it to two
		}
	}
	for _, c := range v.Containers {
		add(c.Path.Parent(), state.CellID(c.Path.Parent()))
	}
	for p := range prior.Records {
		if p.Kind() == resource.KindContainer {
			add(p.Parent(), state.CellID(p.Parent()))
		}
	}
	for dir := range v.Cgroups {
		p, err := resource.ParsePath(strings.TrimPrefix(dir, cgroup.Top+"/"))
		if err == nil && p.Kind() == resource.KindCell {
			add(p, state.CellID(p))
		}
	}
	return ids
}

func (o *Host) cellEvidence(v *plan.Evidence, prior *state.State) error {
	bridges, spaces := map[string]plan.CNINetwork{}, map[string]plan.CNINetwork{}
	for _, n := range v.Networks {
		if _, _, ok := n.OwnSubnets(); n.Path != "" && ok {
			bridges[n.Bridge], spaces[n.Path] = n, n
		}
	}
	for cell, id := range lostCells(v, prior) {
		attachments, err := o.Networks.Remembered(id)
		if err != nil {
			return err
		}
		for _, a := range attachments {
			v.Cells[cell] = append(v.Cells[cell], plan.InterfaceEvidence{Name: a.Interface, Network: a.Network, Address: a.Address, Address6: a.Address6, Published: publishedOf(a.Ports)})
		}
		if len(v.Cells[cell]) == 0 {
			if v.Cells[cell], err = interfacesOf(netns.Path(id), bridges); err != nil {
				return err
			}
		}
		if len(v.Cells[cell]) == 0 {
			v.Cells[cell] = o.namedIn(cell, spaces[string(cell.Space())])
		}
	}
	return nil
}

// interfacesOf returns the interfaces of the network namespace of a cell, if it exists; bridges holds the CNI networks by
// their bridges. It can't tell the ports of the cell, which libcni has forgotten.
func interfacesOf(pin string, bridges map[string]plan.CNINetwork) ([]plan.InterfaceEvidence, error) {
	addresses, addresses6, err := network.Addresses(pin)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	uplinks, err := network.Uplinks(pin)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []plan.InterfaceEvidence
	for name, address := range addresses {
		if n := bridges[uplinks[name].Bridge]; n.Name != "" {
			all = append(all, plan.InterfaceEvidence{Name: name, Network: n.Name, Address: address, Address6: addresses6[name]})
		}
	}
	return all, nil
}

// namedIn returns the interface in n, the network of its own space, whose addresses are in the cell's /etc/hosts: after a
// reboot nothing else holds it.
func (o *Host) namedIn(cell resource.Path, n plan.CNINetwork) []plan.InterfaceEvidence {
	data, err := durable.ReadFile(o.Store.NetworkFile(cell, state.HostsFile))
	if err != nil || n.Name == "" {
		return nil
	}
	subnet, subnet6, _ := n.OwnSubnets()
	found := plan.InterfaceEvidence{Name: "eth0", Network: n.Name}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if !slices.Contains(fields[min(1, len(fields)):], cell.Name()+"."+cell.Parent().Name()) {
			continue
		}
		switch addr, err := netip.ParseAddr(fields[0]); {
		case err != nil:
		case subnet.Contains(addr) && !found.Address.IsValid():
			found.Address = netip.PrefixFrom(addr, subnet.Bits())
		case subnet6.Contains(addr) && !found.Address6.IsValid():
			found.Address6 = netip.PrefixFrom(addr, subnet6.Bits())
		}
	}
	if !found.Address.IsValid() {
		return nil
	}
	return []plan.InterfaceEvidence{found}
}

// publishedOf joins consecutive single ports into ranges.
func publishedOf(ports []network.PortMapping) []string {
	var merged []resource.Port
	for _, m := range ports {
		if n := len(merged) - 1; n >= 0 && merged[n].HostIP == m.HostIP && merged[n].Protocol == m.Protocol &&
			merged[n].Host.Last+1 == int(m.HostPort) && merged[n].Container.Last+1 == int(m.ContainerPort) {
			merged[n].Host.Last++
			merged[n].Container.Last++
			continue
		}
		one := func(port uint16) resource.PortRange { return resource.PortRange{First: int(port), Last: int(port)} }
		merged = append(merged, resource.Port{HostIP: m.HostIP, Host: one(m.HostPort), Container: one(m.ContainerPort), Protocol: m.Protocol})
	}
	var published []string
	for _, p := range merged {
		published = append(published, p.String())
	}
	slices.Sort(published)
	return published
}
