package observe

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/attachment"
	"github.com/kukeon/kuke/executor/internal/etc"
	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/executor/internal/network"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// surveyHost observes the networks, ports and firewalls of the host.
func (r *refresh) surveyHost(desired *resource.Tree, prior *state.State) error {
	ports, bridges6 := publishes(r.wanted, prior), bridges(desired, prior, true)
	if desired != nil {
		r.actual.MissingPlugins = r.host.Networks.MissingPlugins(ports, len(bridges6) > 0)
	}
	survey, err := r.host.Networks.Survey(ports, len(bridges6) > 0)
	if err != nil {
		return err
	}
	if r.actual.NoIPv6, err = network.NoIPv6(); err != nil {
		return err
	}
	for _, route := range survey.Routes {
		r.actual.Routes = append(r.actual.Routes, plan.Route(route))
	}
	r.actual.Addresses = survey.Addresses
	for _, n := range survey.Networks {
		r.actual.CNINetworks = append(r.actual.CNINetworks, plan.CNINetwork(n))
	}
	if r.dropping, err = network.DroppingChains(bridges(desired, prior, false), bridges6); err != nil {
		return err
	}
	for _, d := range r.dropping {
		if !d.Ours {
			r.actual.Dropping = append(r.actual.Dropping, plan.DroppingChain{Name: d.Chain, Fix: d.Fix, Bridges: d.Bridges})
		}
	}
	if ports {
		for _, s := range survey.Listening {
			r.actual.Sockets = append(r.actual.Sockets, plan.Socket(s))
		}
		r.actual.Mappings = attachment.Mappings(survey)
	}
	return nil
}

// bridges returns the names of the bridges of all spaces, or of those that have or want IPv6, each once.
func bridges(desired *resource.Tree, prior *state.State, onlyIPv6 bool) []string {
	names := map[string]bool{}
	for _, record := range prior.Records {
		if n := record.Status.Network; n != nil && (!onlyIPv6 || n.Subnet6 != "") {
			names[n.Bridge] = true
		}
	}
	if desired != nil {
		for _, d := range desired.Resources() {
			space, ok := d.Spec.(*resource.Space)
			if !ok || onlyIPv6 && (space.Network == nil || space.Network.Subnet6 == "") {
				continue
			}
			names[resource.BridgeName(d.Path)] = true
			if had := prior.Records[d.Path]; had != nil && had.Status.Network != nil {
				names[had.Status.Network.Bridge] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// recordedNetworks observes the networks of recorded spaces and cells.
func (r *refresh) recordedNetworks(prior *state.State) (err error) {
	roots := r.roots()
	for p, record := range prior.Records {
		switch p.Kind() {
		case resource.KindSpace:
			err = r.spaceNetwork(record)
		case resource.KindCell:
			err = r.cellNetwork(record, roots[rootKey{record.Status.Namespace, p}])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// publishes reports whether any port is, or is to be, published.
func publishes(wanted []*resource.Resource, prior *state.State) bool {
	for _, c := range wanted {
		if len(c.Spec.(*resource.Container).Ports) > 0 {
			return true
		}
	}
	for _, r := range prior.Records {
		if r.Status.Attachment != nil && len(r.Status.Attachment.Published) > 0 {
			return true
		}
	}
	return false
}

func (r *refresh) spaceNetwork(record *state.Record) error {
	n := record.Status.Network
	if n == nil {
		return nil
	}
	wanted, err := attachment.OfSpace(record)
	if err != nil {
		return err
	}
	drift, err := r.host.Networks.Drift(wanted, n.Firewall)
	for _, d := range r.dropping {
		if d.Ours && slices.Contains(d.Bridges, n.Bridge) {
			drift = append(drift, "its packets are dropped by "+d.Chain)
		}
	}
	if len(drift) > 0 {
		r.actual.Networks[record.Path] = drift
	}
	return err
}

// rootKey is a cell in a namespace of containerd.
type rootKey struct {
	namespace string
	cell      resource.Path
}

// roots returns the running root containers whose network namespaces are known.
func (r *refresh) roots() map[rootKey]*plan.Container {
	roots := map[rootKey]*plan.Container{}
	for name, ns := range r.actual.Namespaces {
		for _, c := range ns.Containers {
			if c.NetNS != 0 && c.Labels[plan.LabelRole] == "root" {
				roots[rootKey{name, resource.Path(c.Labels[plan.LabelPath]).Parent()}] = c
			}
		}
	}
	return roots
}

// cellNetwork observes the network of a cell. root is its running root container, or nil.
func (r *refresh) cellNetwork(record *state.Record, root *plan.Container) error {
	cell := record.Path
	found := &plan.CellNetwork{ID: record.CellID(), Addresses: map[string]string{}, Addresses6: map[string]string{}, Flaws: map[string]string{}}
	r.actual.Cells[cell] = found
	// An unreadable file counts as missing: the next apply writes it.
	hosts, _ := os.ReadFile(r.host.Store.NetworkFile(cell, state.HostsFile))
	found.Hosts = string(hosts)
	var err error
	if found.Stale, err = etc.Stale(r.host.Store, record); err != nil {
		return err
	}
	if record.Status.Attachment.OnHost() {
		found.Hosts = plan.HostsFile(cell, record.Status.Attachment, nil) // it is among the stale files, if it is
		found.NetNS, err = netns.Inode(os.Getpid())
		return err
	}
	pin := netns.Path(record.CellID())
	if found.NetNS, err = netns.PinInode(pin); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	at := pin
	if root != nil && root.NetNS != found.NetNS {
		at = netns.OfProcess(int(root.PID)) // the next apply pins it
	} else if found.NetNS == 0 {
		return nil
	}
	// Where the process is looked at, an error is no failure: it may end meanwhile.
	failed := func(err error) bool { return err != nil && at == pin && !errors.Is(err, fs.ErrNotExist) }
	addresses, addresses6, err := network.Addresses(at)
	if failed(err) {
		return err
	}
	for name, address := range addresses {
		found.Addresses[name] = address.String()
	}
	for name, address := range addresses6 {
		found.Addresses6[name] = address.String()
	}
	uplinks, err := network.Uplinks(at)
	if failed(err) {
		return err
	}
	if a := record.Status.Attachment; a != nil {
		for n, i := range a.Interfaces {
			if why := attachment.Flaw(a, n, uplinks); why != "" {
				found.Flaws[i.Name] = why
			}
		}
	}
	return nil
}
