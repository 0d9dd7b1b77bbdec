package state

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/kukeon/kuke/config/resource"
)

// Renaming is a resource that goes on under another path, with all that is below it. What it is on the host stays: ids,
// cgroups, network namespaces and networks, and with them all that runs.
type Renaming struct {
	From, To resource.Path
	// Records are those that change: those at and below To, parents first, and then others that refer to them.
	Records []*Record
}

// Refusal says why a resource does not get another path.
type Refusal struct {
	From, To resource.Path
	// Taken says that nothing is wrong but that To is recorded already, as something else.
	Taken bool
	Err   error
}

// Rename returns what becomes of the state when resources get other paths: what has a key of moves gets the value, and so on in
// chains, with what is below it. The result is the same for what an earlier call, and a half of what that
// returned, has left. The renamings are of different resources, parents first.
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

// mover works out what [State.Rename] returns.
type mover struct {
	state *State
	moves map[resource.Path]resource.Path
	// to holds the recorded resources that get another path, without what is below them.
	to map[resource.Path]resource.Path
}

func (m *mover) sorted() []resource.Path {
	return slices.SortedFunc(maps.Keys(m.to), resource.ComparePaths)
}

// end follows the moves from p, and returns where they end and how many there are. A move of what p lies in moves p, too.
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

// moved returns where p is to go by the entry in moves of it, or of the nearest resource that it lies in.
func moved(moves map[resource.Path]resource.Path, p resource.Path) resource.Path {
	for from := p; from != ""; from = from.Parent() {
		if to, ok := moves[from]; ok {
			return to + p[len(from):]
		}
	}
	return p
}

// settle finds where each resource goes. Where several would go to one place, or something is there, the one that has the
// shortest way gets it.
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
		if above, ok := ends[p.Parent()]; ok && end == above.Join(p.Name()) {
			claims[end] = p // with what it lies in
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

// sameThing reports whether two records are of one resource of the host: a rename that was interrupted has left both.
func sameThing(a, b *Record) bool {
	return a.Path.Kind() == b.Path.Kind() && a.Status.Namespace == b.Status.Namespace && a.Status.ContainerID == b.Status.ContainerID &&
		a.Status.Cgroup == b.Status.Cgroup && (a.Path.Kind() != resource.KindCell || a.CellID() == b.CellID())
}

// Unfinished returns the renamings that were cut short: they have left two records of one resource, of which the younger has
// the path that it is to have.
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

// check says why the resource at p can't have the path that it is to have.
func (m *mover) check(p resource.Path) error {
	to := m.to[p]
	above := moved(m.to, p.Parent())
	switch {
	case p.Kind() != to.Kind():
		return fmt.Errorf("%s is a %s, and %s would be a %s", p, p.Kind().Lower(), to, to.Kind().Lower())
	case p.Kind() == resource.KindRealm:
		return fmt.Errorf("a realm can't be renamed: its containerd namespace is made of its name. Declare it by its new name and apply, which makes it anew and destroys %s", p)
	case above != to.Parent() && m.state.Records[to] == nil: // what is there already is the same, and what it was in may be gone
		return fmt.Errorf("%s can't be moved to %s %s: %s. Declare it there and apply, which makes it anew", p, to.Parent().Kind().Lower(), to.Parent(), bound[p.Kind()])
	}
	return nil
}

// bound says of each kind why it can't leave what it is in.
var bound = map[resource.Kind]string{
	resource.KindSpace:     "its containers stay in the containerd namespace of their realm",
	resource.KindStack:     "its cells stay in the network and the cgroup of their space",
	resource.KindCell:      "it stays in the cgroup of its stack",
	resource.KindContainer: "a container that runs stays in the network namespace and the cgroup of its cell",
}

// renamings returns what is to be recorded.
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
			have = done // what was recorded after it was moved counts
		}
		for root := p; ; root = root.Parent() {
			if i, ok := places[root]; ok {
				made[i].Records = append(made[i].Records, m.renamed(have, p, to))
				break
			}
		}
	}
	// What an interrupted rename has left at its new path is among them, too.
	others = slices.DeleteFunc(others, func(r *Record) bool { return written[r.Path] })
	made[0].Records = append(made[0].Records, others...)
	return made
}

// renamed returns the record of what is at from as it is at the path to.
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

// renamedNames returns the names of a cell at the path, of which those before its aliases come from the path.
func renamedNames(cell resource.Path, names []string) []string {
	all := []string{cell.Name(), cell.Name() + "." + cell.Parent().Name()}
	for _, alias := range names[min(len(all), len(names)):] {
		if !slices.Contains(all, alias) {
			all = append(all, alias)
		}
	}
	return all
}

// referring returns the record of what is at p as it is when what it refers to has its new paths, or nil where it refers to
// nothing that is moved.
func (m *mover) referring(have *Record, p resource.Path) *Record {
	r := *have
	changed := false
	switch spec := have.Spec.(type) {
	case *resource.Cell:
		changed = m.referringCell(&r, *spec)
	case *resource.Container:
		changed = m.referringContainer(&r, p, *spec)
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
	// The cell's own space comes first, as the planner has it.
	slices.SortFunc(attached.Interfaces[1:], func(a, b Interface) int { return cmp.Compare(a.Space, b.Space) })
	r.Status.Attachment = &attached
	return true
}

// referringContainer renames the siblings and the spaces that the container at p names.
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
	r.Spec = &spec
	return changed
}

// renames reports whether the last name of p changes.
func (m *mover) renames(p resource.Path) bool { return moved(m.to, p).Name() != p.Name() }

// Take returns the records at and below p as those of the project, as far as they aren't yet.
func (s *State) Take(p resource.Path, project string) ([]*Record, error) {
	if s.Records[p] == nil {
		return nil, fmt.Errorf("there is no %s %s in the state", p.Kind().Lower(), p)
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

// Renamed makes the renamings that [State.Rename] returned.
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
