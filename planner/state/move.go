package state

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/kukeon/kuke/config/resource"
)

// Renaming is a resource that gets another path, with all its descendants. On the host nothing changes: ids, cgroups,
// network namespaces, networks and processes stay.
type Renaming struct {
	From, To resource.Path
	// Records are the records that change: at and below To, parents first, then others that refer to them.
	Records []*Record
}

// Refusal is the reason why a resource does not get another path.
type Refusal struct {
	From, To resource.Path
	// Taken says that the only reason is another resource that is recorded at To.
	Taken bool
	Err   error
}

// Rename returns the changes of the state when resources get other paths: the resource at a key of moves gets the value,
// also in chains, with its descendants. After an interruption, with half of an earlier result recorded, it returns the
// same. The renamings are of different resources, parents first.
func (s *State) Rename(moves map[resource.Path]resource.Path) ([]Renaming, []Refusal) {
	m := &mover{state: s, moves: moves, to: map[resource.Path]resource.Path{}}
	refused := m.settle()
	for _, p := range m.sorted() {
		if err := m.check(p); err != nil {
			refused = append(refused, Refusal{From: p, To: m.to[p], Err: err})
			delete(m.to, p)
		}
	}
	return m.renamings(), refused
}

// mover computes the result of [State.Rename].
type mover struct {
	state *State
	moves map[resource.Path]resource.Path
	// to holds the recorded resources that get another path, without their descendants.
	to map[resource.Path]resource.Path
}

func (m *mover) sorted() []resource.Path {
	return slices.SortedFunc(maps.Keys(m.to), resource.ComparePaths)
}

// end follows the moves from p, and returns the last path and the number of moves. A move of an ancestor moves p too.
func (m *mover) end(p resource.Path) (end resource.Path, hops int) {
	for hops <= len(m.moves) { // more would be a cycle, which a configuration can't hold
		next := moved(m.moves, p)
		if next == p {
			break
		}
		p = next
		hops++
	}
	return p, hops
}

// moved returns the new path of p, by the entry in moves of p or of its nearest ancestor.
func moved(moves map[resource.Path]resource.Path, p resource.Path) resource.Path {
	for from := p; from != ""; from = from.Parent() {
		if to, ok := moves[from]; ok {
			return to + p[len(from):]
		}
	}
	return p
}

// settle finds the new path of each resource. Where several resources compete for a path, the one with the fewest moves
// gets it.
func (m *mover) settle() (refused []Refusal) {
	type way struct {
		from, to resource.Path
		hops     int
	}
	var ways []way
	claims := map[resource.Path]resource.Path{}
	ends := map[resource.Path]resource.Path{}
	for _, p := range m.state.Paths() {
		end, hops := m.end(p)
		ends[p] = end
		if above, ok := ends[p.Parent()]; ok && end == p.Kind().Below(above, p.Name()) {
			claims[end] = p // with an ancestor
		} else if end != p {
			ways = append(ways, way{p, end, hops})
		}
	}
	slices.SortStableFunc(ways, func(a, b way) int { return cmp.Compare(a.hops, b.hops) })
	for _, w := range ways {
		by, taken := claims[w.to]
		if m.state.Records[w.to] != nil {
			by, taken = w.to, true
		}
		if taken && by != w.from && !sameThing(m.state.Records[by], m.state.Records[w.from]) {
			refused = append(refused, Refusal{From: w.from, To: w.to, Taken: true, Err: fmt.Errorf("%s %s is recorded already", w.to.Kind().Lower(), w.to)})
			continue
		}
		claims[w.to] = w.from
		m.to[w.from] = w.to
	}
	return refused
}

// sameThing reports whether two records are of one resource of the host: an interrupted rename has left both.
func sameThing(a, b *Record) bool {
	if a.Path.IsVolume() && b.Path.IsVolume() {
		return a.Status.Volume.Place == b.Status.Volume.Place
	}
	return a.Path.Kind() == b.Path.Kind() && a.Status.Namespace == b.Status.Namespace && a.Status.ContainerID == b.Status.ContainerID &&
		a.Status.Cgroup == b.Status.Cgroup && (a.Path.Kind() != resource.KindCell || a.CellID() == b.CellID())
}

// Unfinished returns the interrupted renamings: each has left two records of one resource, the younger at its new path.
func (s *State) Unfinished() map[resource.Path]resource.Path {
	type thing struct {
		kind          resource.Kind
		namespace, id string
	}
	seen, unfinished := map[thing]*Record{}, map[resource.Path]resource.Path{}
	for _, p := range s.Paths() {
		r := s.Records[p]
		id := r.Status.Cgroup
		if p.Kind() == resource.KindContainer {
			id = r.Status.ContainerID
		} else if p.IsVolume() {
			id = r.Status.Volume.Place
		}
		of := thing{p.Kind(), r.Status.Namespace, id}
		other := seen[of]
		seen[of] = r
		if other == nil || id == "" || !sameThing(other, r) {
			continue
		}
		from, to := other.Path, p
		if a, b := other.Status.UpdatedAt, r.Status.UpdatedAt; a != nil && (b == nil || a.After(*b)) {
			from, to = to, from
		}
		if moved(unfinished, from) != to {
			unfinished[from] = to
		}
	}
	return unfinished
}

// check returns the reason why the resource at p can't have its new path.
func (m *mover) check(p resource.Path) error {
	to := m.to[p]
	above := moved(m.to, p.Parent())
	switch {
	case p.Kind() != to.Kind():
		return fmt.Errorf("%s is a %s, and %s would be a %s", p, p.Kind().Lower(), to, to.Kind().Lower())
	case p.Kind() == resource.KindRealm:
		return fmt.Errorf("a realm can't be renamed: its containerd namespace has its name. To replace it, which destroys %s, declare it by its new name and apply", p)
	case above != to.Parent() && m.state.Records[to] == nil: // an interrupted rename may have left it at its new path and removed the old parent
		return fmt.Errorf("%s can't be moved to %s %s: %s. To replace it, declare it there and apply", p, to.Parent().Kind().Lower(), to.Parent(), bound[p.Kind()])
	}
	return nil
}

// bound is the reason why a resource of the kind can't get another parent.
var bound = map[resource.Kind]string{
	resource.KindSpace:     "its containers stay in the containerd namespace of their realm",
	resource.KindStack:     "its cells stay in the network and the cgroup of their space",
	resource.KindCell:      "it stays in the cgroup of its stack",
	resource.KindVolume:    "its data is in the directory of its parent",
	resource.KindContainer: "a running container stays in the network namespace and the cgroup of its cell",
}

// renamings returns the records to write.
func (m *mover) renamings() []Renaming {
	if len(m.to) == 0 {
		return nil
	}
	roots := m.sorted()
	places := make(map[resource.Path]int, len(roots))
	made := make([]Renaming, len(roots))
	for i, p := range roots {
		places[p] = i
		made[i] = Renaming{From: p, To: m.to[p]}
	}
	var others []*Record
	written := map[resource.Path]bool{}
	for _, p := range m.state.Paths() {
		have := m.state.Records[p]
		to := moved(m.to, p)
		if to == p {
			if r := m.referring(have, p); r != nil {
				others = append(others, r)
			}
			continue
		}
		written[to] = true
		if done := m.state.Records[to]; done != nil && sameThing(done, have) {
			have = done // the record at the new path is newer
		}
		for root := p; ; root = root.Parent() {
			if i, ok := places[root]; ok {
				made[i].Records = append(made[i].Records, m.renamed(have, p, to))
				break
			}
		}
	}
	// Records that an interrupted rename has left at their new path are among them too.
	others = slices.DeleteFunc(others, func(r *Record) bool { return written[r.Path] })
	made[0].Records = append(made[0].Records, others...)
	return made
}

// renamed returns the record of the resource at from with the path to.
func (m *mover) renamed(have *Record, from, to resource.Path) *Record {
	r := *have
	if other := m.referring(have, from); other != nil {
		r = *other
	}
	r.Path = to
	if from.Name() != to.Name() {
		r.Status.FormerName = from.Name()
	}
	if to.Kind() != resource.KindCell {
		return &r
	}
	if r.Status.CellID = have.CellID(); r.Status.CellID == CellID(to) {
		r.Status.CellID = ""
	}
	if a := r.Status.Attachment; a != nil {
		attached := *a
		attached.Names = renamedNames(to, a.Names)
		r.Status.Attachment = &attached
	}
	return &r
}

// renamedNames returns the names of a cell at its new path: the names made of the path, then its aliases.
func renamedNames(cell resource.Path, names []string) []string {
	all := []string{cell.Name(), cell.Name() + "." + cell.Parent().Name()}
	for _, alias := range names[min(len(all), len(names)):] {
		if !slices.Contains(all, alias) {
			all = append(all, alias)
		}
	}
	return all
}

// referring returns the record of the resource at p with the new paths of the resources that it refers to, or nil where
// none of them is moved.
func (m *mover) referring(have *Record, p resource.Path) *Record {
	r := *have
	changed := false
	switch spec := have.Spec.(type) {
	case *resource.Cell:
		changed = m.referringCell(&r, *spec)
	case *resource.Container:
		changed = m.referringContainer(&r, p, *spec)
	case *resource.Volume:
		changed = m.referringVolume(&r)
	}
	if !changed {
		return nil
	}
	return &r
}

func (m *mover) referringCell(r *Record, spec resource.Cell) (changed bool) {
	if slices.ContainsFunc(spec.DependsOn, func(on resource.CellDependency) bool {
		return moved(m.to, resource.Path(on.Name)) != resource.Path(on.Name)
	}) {
		changed = true
		spec.DependsOn = slices.Clone(spec.DependsOn)
		for i, on := range spec.DependsOn {
			spec.DependsOn[i].Name = string(moved(m.to, resource.Path(on.Name)))
		}
		slices.SortFunc(spec.DependsOn, func(a, b resource.CellDependency) int { return cmp.Compare(a.Name, b.Name) })
		r.Spec = &spec
	}
	a := r.Status.Attachment
	if a == nil || !slices.ContainsFunc(a.Interfaces, func(i Interface) bool { return moved(m.to, i.Space) != i.Space }) {
		return changed
	}
	attached := *a
	attached.Interfaces = slices.Clone(a.Interfaces)
	for i := range attached.Interfaces {
		attached.Interfaces[i].Space = moved(m.to, attached.Interfaces[i].Space)
	}
	// The cell's own space stays first, which the planner relies on.
	slices.SortFunc(attached.Interfaces[1:], func(a, b Interface) int { return cmp.Compare(a.Space, b.Space) })
	r.Status.Attachment = &attached
	return true
}

// referringContainer renames the siblings, the spaces and the volumes that the container at p names. It mounts the same data.
func (m *mover) referringContainer(r *Record, p resource.Path, spec resource.Container) (changed bool) {
	if slices.ContainsFunc(spec.DependsOn, func(on resource.Dependency) bool { return m.renames(p.Parent().Join(on.Name)) }) {
		changed = true
		spec.DependsOn = slices.Clone(spec.DependsOn)
		for i, on := range spec.DependsOn {
			spec.DependsOn[i].Name = moved(m.to, p.Parent().Join(on.Name)).Name()
		}
		slices.SortFunc(spec.DependsOn, func(a, b resource.Dependency) int { return cmp.Compare(a.Name, b.Name) })
	}
	if slices.ContainsFunc(spec.Networks, func(name string) bool { return m.renames(p.Realm().Join(name)) }) {
		changed = true
		spec.Networks = slices.Clone(spec.Networks)
		for i, name := range spec.Networks {
			spec.Networks[i] = moved(m.to, p.Realm().Join(name)).Name()
		}
		slices.Sort(spec.Networks)
	}
	if slices.ContainsFunc(resource.VolumesOf(&spec), func(p resource.Path) bool { return moved(m.to, p) != p }) {
		changed = true
		known := r.Status.SpecDigest == resource.CreationDigest(r.Spec)
		spec.Volumes = slices.Clone(spec.Volumes)
		for i, mount := range spec.Volumes {
			spec.Volumes[i].Volume = string(moved(m.to, resource.Path(mount.Volume)))
		}
		if known {
			r.Status.SpecDigest = resource.CreationDigest(&spec)
		}
	}
	r.Spec = &spec
	return changed
}

// referringVolume renames the container whose image declares the volume.
func (m *mover) referringVolume(r *Record) (changed bool) {
	of := r.Status.Volume.Image
	if of == nil || moved(m.to, of.Container) == of.Container {
		return false
	}
	status := *r.Status.Volume
	status.Image = &ImageMount{Container: moved(m.to, of.Container), Target: of.Target}
	r.Status.Volume = &status
	return true
}

// renames reports whether the last name of p changes.
func (m *mover) renames(p resource.Path) bool { return moved(m.to, p).Name() != p.Name() }

// Take returns the records at and below p that do not belong to the project yet, changed to belong to it.
func (s *State) Take(p resource.Path, project string) ([]*Record, error) {
	if s.Records[p] == nil {
		return nil, s.Missing(p)
	}
	var changed []*Record
	for _, q := range s.Paths() {
		if r := *s.Records[q]; p.Contains(q) && r.Status.Project != project {
			r.Status.Project = project
			changed = append(changed, &r)
		}
	}
	return changed, nil
}

// Renamed applies renamings of [State.Rename].
func (s *State) Renamed(made []Renaming) {
	to := make(map[resource.Path]resource.Path, len(made))
	for _, m := range made {
		to[m.From] = m.To
	}
	for p := range s.Records {
		if moved(to, p) != p {
			delete(s.Records, p)
		}
	}
	for _, m := range made {
		for _, r := range m.Records {
			s.Records[r.Path] = r
		}
	}
}
