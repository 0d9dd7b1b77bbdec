package planner

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/internal/allocate"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Rebuild returns the records that prior lacks, parents first, as far as the evidence has them, and notes on missing facts.
// lost restricts them to the resources at and below these paths; it is empty for all. For the same host it makes the same
// records.
func Rebuild(prior *state.State, e *plan.Evidence, lost []resource.Path) (records []*state.Record, notes []string) {
	r := &rebuild{prior: prior, evidence: e, lost: lost, found: map[resource.Path]*state.Record{}}
	r.place()
	r.realms()
	r.spaces()
	r.containers()
	r.levels()
	r.empty()
	r.attach()
	st := &state.State{Records: r.found}
	for _, p := range st.Paths() {
		records = append(records, r.found[p])
	}
	return records, r.notes
}

type rebuild struct {
	prior    *state.State
	evidence *plan.Evidence
	lost     []resource.Path
	found    map[resource.Path]*state.Record
	notes    []string
	// cgroups holds the cgroups of cells, stacks and spaces in their containers' evidence, cells the ids of cells: moved
	// ones do not follow from their path.
	cgroups, cells map[resource.Path]string
	// updated holds when something recorded in a resource has last changed: by that a move which was cut short goes on to where
	// it was to end, see [state.State.Unfinished].
	updated map[resource.Path]*time.Time
}

// place notes the evidence of containers, and of recorded resources, about their ancestors.
func (r *rebuild) place() {
	r.cgroups, r.cells, r.updated = map[resource.Path]string{}, map[resource.Path]string{}, map[resource.Path]*time.Time{}
	for p, rec := range r.prior.Records {
		r.placeAbove(p, rec.Status.Cgroup)
		at := rec.Status.UpdatedAt
		for q := p.Parent(); at != nil && q != ""; q = q.Parent() {
			if r.updated[q] == nil || at.After(*r.updated[q]) {
				r.updated[q] = at
			}
		}
	}
	for _, c := range r.evidence.Containers {
		r.placeAbove(c.Path, c.Cgroup)
		if c.CellID != "" {
			r.cells[c.Path.Parent()] = c.CellID
		}
	}
}

// placeAbove notes the cgroups above that of p, as far as its path doesn't make them.
func (r *rebuild) placeAbove(p resource.Path, cgroup string) {
	for p = p.Parent(); cgroup != "" && p.Depth() >= resource.KindSpace.Depth(); p = p.Parent() {
		if cgroup = path.Dir(cgroup); cgroup != resource.CgroupOf(p, nil) {
			r.cgroups[p] = cgroup
		}
	}
}

func (r *rebuild) cgroupOf(p resource.Path, spec resource.Spec) string {
	if cgroup, ok := r.cgroups[p]; ok {
		return cgroup
	}
	return resource.CgroupOf(p, spec)
}

func (r *rebuild) notef(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// record returns the record of p, an earlier or a rebuilt one, or nil.
func (r *rebuild) record(p resource.Path) *state.Record {
	if have := r.prior.Records[p]; have != nil {
		return have
	}
	return r.found[p]
}

// add records the resource at p, unless that was known before, or was not asked for.
func (r *rebuild) add(p resource.Path, spec resource.Spec, project string) *state.Record {
	if r.record(p) != nil || len(r.lost) > 0 && !plan.Within(r.lost, p) {
		return nil
	}
	namespace := ""
	if above := r.record(p.Realm()); above != nil {
		namespace = above.Status.Namespace
	}
	rec := &state.Record{Path: p, Spec: spec, Status: state.Status{Project: project, Namespace: namespace, Cgroup: r.cgroupOf(p, spec), UpdatedAt: r.updated[p]}}
	if id := r.cells[p]; id != "" && id != state.CellID(p) {
		rec.Status.CellID = id
	}
	if limits, ok := r.evidence.Cgroups[rec.Status.Cgroup]; ok && limits != (resource.Resources{}) {
		rec.Spec, rec.Status.Limits = resource.WithResources(spec, limits.Written(&resource.Resources{})), &limits
	}
	r.found[p] = rec
	return rec
}

func (r *rebuild) realms() {
	for _, e := range r.evidence.Realms {
		r.realm(e.Path, e.Namespace, e.Project, e.Labels)
	}
	// A realm whose namespace has lost its labels is known by the records in it.
	owners := r.owners()
	for p, rec := range r.prior.Records {
		r.realm(p.Realm(), rec.Status.Namespace, owners[p.Realm()], nil)
	}
}

func (r *rebuild) realm(p resource.Path, namespace, project string, labels map[string]string) {
	spec := &resource.Realm{}
	if namespace != resource.NamespaceOf(p, nil) {
		spec.Namespace = namespace
	}
	spec.Labels = labels
	if rec := r.add(p, spec, project); rec != nil {
		rec.Status.Namespace = namespace
	}
}

// owners returns the project of all recorded resources below a path, by paths; "" where they have several: then the next
// configuration that declares the resource takes it.
func (r *rebuild) owners() map[resource.Path]string {
	owners := map[resource.Path]string{}
	for _, records := range []map[resource.Path]*state.Record{r.prior.Records, r.found} {
		for p, rec := range records {
			for q := p.Parent(); q != ""; q = q.Parent() {
				if owner, seen := owners[q]; seen && owner != rec.Status.Project {
					owners[q] = ""
					continue
				}
				owners[q] = rec.Status.Project
			}
		}
	}
	return owners
}

func (r *rebuild) spaces() {
	for i, n := range r.evidence.Networks {
		p, err := resource.ParsePath(n.Path)
		network := plan.NetworkOfSpace(&r.evidence.Networks[i])
		if err != nil || p.Kind() != resource.KindSpace || network == nil || r.record(p.Realm()) == nil {
			continue
		}
		rec := r.add(p, &resource.Space{}, n.Project)
		if rec == nil {
			continue
		}
		rec.Status.Network = network
		r.notef("space %s: its firewall rules can't be read back. The next apply writes them again", p)
	}
}

func (r *rebuild) containers() {
	for _, c := range r.evidence.Containers {
		if r.record(c.Path) != nil {
			continue
		}
		above := r.record(c.Path.Realm())
		if above == nil || above.Status.Namespace != c.Namespace {
			r.notef("container %s: left out, since containerd namespace %s is not that of realm %s", c.ID, c.Namespace, c.Path.Realm())
			continue
		}
		if c.Spec == nil {
			r.notef("container %s: left out, since it has no record of its spec", c.ID)
			continue
		}
		rec := r.add(c.Path, c.Spec, c.Project)
		if rec == nil {
			continue
		}
		rec.Status.Cgroup = c.Cgroup
		rec.Status.ContainerID, rec.Status.SpecDigest, rec.Status.ImageDigest = c.ID, c.SpecDigest, c.ImageDigest
		if c.Limits != nil && *c.Limits != (resource.Resources{}) {
			rec.Spec, rec.Status.Limits = resource.WithResources(c.Spec, c.Limits.Written(resource.ResourcesOf(c.Spec))), c.Limits
		}
		if created := c.CreatedAt.UTC().Truncate(time.Millisecond); !created.IsZero() {
			rec.Status.CreatedAt = &created
		}
	}
}

// levels records the spaces, stacks and cells that recorded resources are in.
func (r *rebuild) levels() {
	st := &state.State{Records: map[resource.Path]*state.Record{}}
	for _, records := range []map[resource.Path]*state.Record{r.prior.Records, r.found} {
		for p := range records {
			if p.IsVolume() {
				continue // it may outlive its parents
			}
			for q := p.Parent(); q != "" && q.Kind() != resource.KindRealm; q = q.Parent() {
				st.Records[q] = nil
			}
		}
	}
	owners := r.owners()
	for _, p := range st.Paths() {
		if r.record(p.Parent()) != nil {
			r.add(p, resource.NewSpec(p.Kind()), owners[p])
		}
	}
	for _, rec := range r.prior.Records {
		if rec.Status.Attachment == nil {
			continue
		}
		for _, i := range rec.Status.Attachment.Interfaces {
			if space := r.found[i.Space]; space != nil && space.Status.Network == nil {
				network := i.Network
				space.Status.Network = &network
			}
		}
	}
}

// empty records stacks and cells without containers, by their cgroups alone. The cgroup of a moved one is that of the
// container in it, if there is one, and no evidence of its former path.
func (r *rebuild) empty() {
	used := map[string]bool{}
	for _, records := range []map[resource.Path]*state.Record{r.prior.Records, r.found} {
		for _, rec := range records {
			used[rec.Status.Cgroup] = true
		}
	}
	for _, cgroup := range slices.Sorted(maps.Keys(r.evidence.Cgroups)) {
		p, err := resource.ParsePath(strings.TrimPrefix(cgroup, "/kukeon/"))
		if k := p.Depth(); err != nil || used[cgroup] || k != resource.KindStack.Depth() && k != resource.KindCell.Depth() {
			continue
		}
		if above := r.record(p.Parent()); above != nil && above.Status.Cgroup == path.Dir(cgroup) {
			r.add(p, resource.NewSpec(p.Kind()), above.Status.Project)
		}
	}
}

// attach records how cells are on the network.
func (r *rebuild) attach() {
	networks := map[string]*state.Record{}
	aliases, roots := map[resource.Path][]string{}, map[resource.Path]*resource.Container{}
	for _, records := range []map[resource.Path]*state.Record{r.prior.Records, r.found} {
		for p, rec := range records {
			if rec.Status.Network != nil {
				networks[rec.Status.Network.Name] = rec
			}
			if c, ok := rec.Spec.(*resource.Container); ok {
				aliases[p.Parent()] = append(aliases[p.Parent()], c.NetworksAliases...)
				if c.Root {
					roots[p.Parent()] = c
				}
			}
		}
	}
	for p, rec := range r.found {
		if p.Kind() == resource.KindCell {
			a := r.attachment(p, networks, aliases[p])
			root := roots[p]
			if root != nil && root.Network != "" {
				a = &state.Attachment{Mode: root.Network, Names: allocate.CellNames(p, aliases[p])}
			}
			if a != nil && root != nil {
				a.Etc = allocate.Etc(root, a)
			}
			rec.Status.Attachment = a
		}
	}
}

// attachment returns how the cell is on the network, nil where that can't be told of its own space; networks holds the
// spaces by the names of their networks.
func (r *rebuild) attachment(cell resource.Path, networks map[string]*state.Record, aliases []string) *state.Attachment {
	a := &state.Attachment{Names: allocate.CellNames(cell, aliases)}
	for _, i := range r.evidence.Cells[cell] {
		space := networks[i.Network]
		if space == nil {
			continue
		}
		network := *space.Status.Network
		network.Firewall = ""
		made := state.Interface{Name: i.Name, Space: space.Path, Address: i.Address.String(), Network: network}
		if i.Address6.IsValid() && network.Subnet6 != "" {
			made.Address6 = i.Address6.String()
		} else {
			made.Network.Subnet6, made.Network.Gateway6 = "", "" // it was attached before the space had IPv6
		}
		a.Interfaces = append(a.Interfaces, made)
		a.Published = append(a.Published, i.Published...)
	}
	slices.SortFunc(a.Interfaces, func(x, y state.Interface) int {
		if own := cell.Space(); x.Space != y.Space && (x.Space == own || y.Space == own) {
			if x.Space == own {
				return -1
			}
			return 1
		}
		return strings.Compare(string(x.Space), string(y.Space))
	})
	if len(a.Interfaces) == 0 || a.Interfaces[0].Space != cell.Space() {
		return nil
	}
	return a
}
