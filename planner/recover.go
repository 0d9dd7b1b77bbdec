package planner

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/planner/state"
)

// Evidence is what the host tells of resources by their labels, names and files.
type Evidence struct {
	// Realms holds those that label a containerd namespace.
	Realms []RealmEvidence
	// Networks are the CNI networks of the host.
	Networks []CNINetwork
	// Cgroups are those below that of all realms, with their limits, by the paths that they stand for.
	Cgroups map[realm.Path]realm.Resources
	// Cells holds how cells are attached.
	Cells      map[realm.Path][]InterfaceEvidence
	Containers []ContainerEvidence
}

// RealmEvidence is a containerd namespace that bears the label of a realm.
type RealmEvidence struct {
	Path               realm.Path
	Namespace, Project string
	Labels             map[string]string // of the user
}

// InterfaceEvidence is an interface of a cell.
type InterfaceEvidence struct {
	Name, Network string
	Address       netip.Prefix
	Published     []string // in the form of [realm.Port]
}

// ContainerEvidence is a container that bears our labels.
type ContainerEvidence struct {
	Path                    realm.Path
	ID, Namespace, Cgroup   string
	Project                 string
	SpecDigest, ImageDigest string
	// Spec is what it was made from, or, where not Exact, could have been made from.
	Spec  *realm.Container
	Exact bool
	// Limits are those of its cgroup, nil where it has none now.
	Limits    *realm.Resources
	CreatedAt time.Time
}

// Recover returns the records that prior lacks, parents first, as far as the evidence tells, and what it doesn't tell.
func Recover(prior *state.State, e *Evidence, now time.Time) (records []*state.Record, notes []string) {
	r := &recovery{prior: prior, evidence: e, now: now, found: map[realm.Path]*state.Record{}}
	r.realms()
	r.spaces()
	r.containers()
	r.levels()
	r.attach()
	st := &state.State{Records: r.found}
	for _, p := range st.Paths() {
		records = append(records, r.found[p])
	}
	return records, r.notes
}

type recovery struct {
	prior    *state.State
	evidence *Evidence
	now      time.Time
	found    map[realm.Path]*state.Record
	notes    []string
}

func (r *recovery) notef(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// record returns what is recorded of p, before or by now, or nil.
func (r *recovery) record(p realm.Path) *state.Record {
	if have := r.prior.Records[p]; have != nil {
		return have
	}
	return r.found[p]
}

// add records the resource at p, unless that was known before.
func (r *recovery) add(p realm.Path, spec realm.Spec, project string) *state.Record {
	if r.record(p) != nil {
		return nil
	}
	namespace := ""
	if above := r.record(p.Realm()); above != nil {
		namespace = above.Status.Namespace
	}
	rec := &state.Record{Path: p, Spec: spec, Status: state.Status{
		Project: project, Namespace: namespace, Cgroup: realm.CgroupOf(p, spec), CreatedAt: &r.now, UpdatedAt: &r.now,
	}}
	if limits, ok := r.evidence.Cgroups[p]; ok && limits != (realm.Resources{}) {
		rec.Spec, rec.Status.Limits = realm.WithResources(spec, limits.Written(&realm.Resources{})), &limits
	}
	r.found[p] = rec
	return rec
}

func (r *recovery) realms() {
	for _, e := range r.evidence.Realms {
		spec := &realm.Realm{}
		if e.Namespace != realm.NamespaceOf(e.Path, nil) {
			spec.Namespace = e.Namespace
		}
		spec.Labels = e.Labels
		if rec := r.add(e.Path, spec, e.Project); rec != nil {
			rec.Status.Namespace = e.Namespace
		}
	}
}

func (r *recovery) spaces() {
	for _, n := range r.evidence.Networks {
		p, err := realm.ParsePath(n.Path)
		if err != nil || p.Kind() != realm.KindSpace || n.Name != realm.NetworkName(p) || filepath.Base(n.File) != realm.ConflistName(p) || len(n.Subnets) != 1 || r.record(p.Realm()) == nil {
			continue
		}
		rec := r.add(p, &realm.Space{}, n.Project)
		if rec == nil {
			continue
		}
		rec.Status.Network = newNetwork(p, n.Subnets[0])
		r.notef("space %s: what its configuration says of internal, egress and the subnet can't be read back: the next apply writes its firewall anew", p)
	}
}

func (r *recovery) containers() {
	for _, c := range r.evidence.Containers {
		if r.record(c.Path) != nil {
			continue
		}
		above := r.record(c.Path.Realm())
		if above == nil || above.Status.Namespace != c.Namespace {
			r.notef("container %s: left out, since containerd namespace %s is not that of realm %s", c.ID, c.Namespace, c.Path.Realm())
			continue
		}
		for _, p := range []realm.Path{c.Path.Space(), c.Path.Parent().Parent(), c.Path.Parent()} {
			r.add(p, realm.NewSpec(p.Kind()), c.Project)
		}
		rec := r.add(c.Path, c.Spec, c.Project)
		rec.Status.Cgroup = c.Cgroup
		rec.Status.ContainerID, rec.Status.SpecDigest, rec.Status.ImageDigest = c.ID, c.SpecDigest, c.ImageDigest
		if c.Limits != nil && *c.Limits != (realm.Resources{}) {
			rec.Spec, rec.Status.Limits = realm.WithResources(c.Spec, c.Limits.Written(&realm.Resources{})), c.Limits
		}
		if created := c.CreatedAt.UTC().Truncate(time.Millisecond); !created.IsZero() {
			rec.Status.CreatedAt = &created
		}
		if !c.Exact {
			r.notef("container %s: it was made from a configuration that can't be read back as a whole: the next plan shows what differs", c.Path)
		}
	}
}

// levels records what only its cgroup tells of: stacks and cells that hold no container.
func (r *recovery) levels() {
	st := &state.State{Records: map[realm.Path]*state.Record{}}
	for p := range r.evidence.Cgroups {
		st.Records[p] = nil
	}
	for _, p := range st.Paths() {
		if k := p.Kind(); k != realm.KindStack && k != realm.KindCell {
			continue
		}
		if above := r.record(p.Parent()); above != nil {
			r.add(p, realm.NewSpec(p.Kind()), above.Status.Project)
		}
	}
}

// attach records how cells are on the network.
func (r *recovery) attach() {
	networks := map[string]*state.Record{}
	for _, records := range []map[realm.Path]*state.Record{r.prior.Records, r.found} {
		for _, rec := range records {
			if rec.Status.Network != nil {
				networks[rec.Status.Network.Name] = rec
			}
		}
	}
	for p, rec := range r.found {
		if p.Kind() != realm.KindCell {
			continue
		}
		a := &state.Attachment{Names: []string{p.Name(), p.Name() + "." + p.Parent().Name()}}
		for _, i := range r.evidence.Cells[p] {
			space := networks[i.Network]
			if space == nil {
				continue
			}
			network := *space.Status.Network
			network.Firewall = ""
			a.Interfaces = append(a.Interfaces, state.Interface{Name: i.Name, Space: space.Path, Address: i.Address.String(), Network: network})
			a.Published = append(a.Published, i.Published...)
		}
		slices.SortFunc(a.Interfaces, func(x, y state.Interface) int {
			if own := p.Space(); x.Space != y.Space && (x.Space == own || y.Space == own) {
				if x.Space == own {
					return -1
				}
				return 1
			}
			return strings.Compare(string(x.Space), string(y.Space))
		})
		if len(a.Interfaces) > 0 && a.Interfaces[0].Space == p.Space() {
			rec.Status.Attachment = a
		}
	}
}

// NamesOf returns the names of the recorded cells, by space.
func NamesOf(prior *state.State) []SpaceNames {
	var names []SpaceNames
	var cells []realm.Path
	paths := prior.Paths()
	for _, p := range paths {
		if p.Kind() == realm.KindCell {
			cells = append(cells, p)
		}
	}
	for _, p := range paths {
		if p.Kind() == realm.KindSpace {
			names = append(names, namesIn(p, cells, func(q realm.Path) *state.Attachment { return prior.Records[q].Status.Attachment }))
		}
	}
	return names
}
