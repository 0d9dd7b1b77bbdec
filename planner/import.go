package planner

import (
	"fmt"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// CheckImport makes sure that a container of the given id, which namespace has, may be recorded at p. namespace is the
// one asked for, or empty for the realm's.
func CheckImport(st *state.State, p resource.Path, namespace, id string) error {
	if p.Kind() != resource.KindContainer {
		return fmt.Errorf("%s is the path of a %s: only a container can be imported, as realm/space/stack/cell/container", p, p.Kind().Lower())
	}
	if st.Records[p] != nil {
		return fmt.Errorf("container %s is recorded already: choose another path, or forget that one with kuke state rm", p)
	}
	for parent := p.Parent(); parent != ""; parent = parent.Parent() {
		if st.Records[parent] == nil {
			return fmt.Errorf("there is no %s %s in the state: make it first, by an apply or with kuke create %s %s", parent.Kind().Lower(), parent, parent.Kind().Lower(), parent)
		}
	}
	if own := st.Namespace(p, nil); namespace != "" && namespace != own {
		for q, r := range st.Records {
			if q.Kind() == resource.KindRealm && r.Status.Namespace == namespace {
				return fmt.Errorf("containerd namespace %s is that of realm %s: import its containers into that realm", namespace, q)
			}
		}
		return fmt.Errorf("realm %s is containerd namespace %s, and containerd can't move a container out of %s: make a realm with namespace = %q, and import it there", p.Realm(), own, namespace, namespace)
	}
	rooted := false
	for q, r := range st.Records {
		c, ok := r.Spec.(*resource.Container)
		if !ok {
			continue
		}
		if r.Status.Namespace == st.Namespace(p, nil) && r.Status.ContainerID == id {
			return fmt.Errorf("container %q is managed already, as %s", id, q)
		}
		rooted = rooted || c.Root && q.Parent() == p.Parent()
	}
	if !rooted {
		return fmt.Errorf("cell %s has no root container: an imported container has a network namespace of its own and can't be the root. Create the root first", p.Parent())
	}
	return nil
}

// CheckImportLabels makes sure that no resource of ours claims the container by its labels.
func CheckImportLabels(id string, labels map[string]string) error {
	// An import that was interrupted has set them without being its maker.
	if by, ok := plan.Claims(id, labels); ok {
		return fmt.Errorf("container %q was made by kuke as %s and is not recorded: an apply of that configuration adopts or replaces it, or kuke state rebuild --from-host records it", id, by)
	}
	return nil
}

// Imported returns the record of an imported container, which was made at the given time.
func Imported(st *state.State, p resource.Path, id, project string, spec *resource.Container, imageDigest string, createdAt time.Time) *state.Record {
	created := createdAt.UTC().Truncate(time.Millisecond)
	return &state.Record{Path: p, Spec: spec, Status: state.Status{
		CreatedAt: &created, Project: project, Namespace: st.Namespace(p, nil), Cgroup: resource.CgroupOf(p, spec), ContainerID: id, Imported: true,
		SpecDigest: resource.CreationDigest(spec), ImageDigest: imageDigest,
	}}
}
