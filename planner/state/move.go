package state

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kukeon/kuke/config/realm"
)

// Rename returns the records that change when the container at from is renamed to: its own, and those of containers that
// depend on it. What the container is on the host stays: containerd's id, and with it all that runs. The error says why
// anything else can't be renamed.
func (s *State) Rename(from, to realm.Path) ([]*Record, error) {
	have := s.Records[from]
	switch {
	case have == nil:
		return nil, fmt.Errorf("there is no %s %s in the state", from.Kind().Lower(), from)
	case from == to:
		return nil, fmt.Errorf("%s is its name already", from)
	case from.Kind() != to.Kind():
		return nil, fmt.Errorf("%s is a %s, and %s would be a %s", from, from.Kind().Lower(), to, to.Kind().Lower())
	case from.Kind() != realm.KindContainer:
		return nil, fmt.Errorf("a %s can't be renamed: %s. Declare it by its new name and apply, which makes it anew and destroys %s", from.Kind().Lower(), fixed[from.Kind()], from)
	case from.Parent() != to.Parent():
		return nil, fmt.Errorf("%s can't be moved to cell %s: a container that runs stays in the network namespace and the cgroup of its cell. Declare it there and apply, which makes it anew", from, to.Parent())
	}
	// A rename that was interrupted has left both.
	if other := s.Records[to]; other != nil && other.Status.ContainerID != have.Status.ContainerID {
		return nil, fmt.Errorf("container %s is recorded already", to)
	}
	renamed := *have
	renamed.Path = to
	changed := []*Record{&renamed}
	for _, p := range s.Paths() {
		if p.Parent() != from.Parent() || p == from || p == to {
			continue
		}
		r := *s.Records[p]
		spec := *r.Spec.(*realm.Container)
		at := slices.IndexFunc(spec.DependsOn, func(on realm.Dependency) bool { return on.Name == from.Name() })
		if at < 0 {
			continue
		}
		spec.DependsOn = slices.Clone(spec.DependsOn)
		spec.DependsOn[at].Name = to.Name()
		slices.SortFunc(spec.DependsOn, func(a, b realm.Dependency) int { return cmp.Compare(a.Name, b.Name) })
		r.Spec = &spec
		changed = append(changed, &r)
	}
	return changed, nil
}

// fixed says what of each kind is made of its path for good.
var fixed = map[realm.Kind]string{
	realm.KindRealm: "its containerd namespace and its cgroup are made of its name",
	realm.KindSpace: "its bridge, its CNI network and its cgroup are made of its path",
	realm.KindStack: "the cgroups and the network namespaces of what is in it are made of its path",
	realm.KindCell:  "its cgroup, its network namespace and the files that its containers see in /etc are made of its path",
}

// Take returns the records at and below p as those of the project, as far as they aren't yet.
func (s *State) Take(p realm.Path, project string) ([]*Record, error) {
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

// Renamed puts the records that [State.Rename] returned in the place of those before.
func (s *State) Renamed(from realm.Path, records []*Record) {
	delete(s.Records, from)
	for _, r := range records {
		s.Records[r.Path] = r
	}
}
