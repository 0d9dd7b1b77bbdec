package plan

import (
	"net/netip"
	"time"

	"github.com/kukeon/kuke/config/resource"
)

// Evidence holds the resources found on the host by their labels, names and files.
type Evidence struct {
	// Realms holds the realms that label a containerd namespace.
	Realms []RealmEvidence
	// Networks are the CNI networks of the host.
	Networks []CNINetwork
	// Cgroups are those of realms, spaces, stacks and cells, with their limits, by their paths below the cgroup root.
	Cgroups map[string]resource.Resources
	// Cells holds how cells are attached.
	Cells      map[resource.Path][]InterfaceEvidence
	Containers []ContainerEvidence
}

// RealmEvidence is a containerd namespace with the label of a realm.
type RealmEvidence struct {
	Path               resource.Path
	Namespace, Project string
	Labels             map[string]string // of the user
}

// InterfaceEvidence is an interface of a cell.
type InterfaceEvidence struct {
	Name, Network string
	Address       netip.Prefix
	Address6      netip.Prefix // invalid where it has none
	Published     []string     // in the form of [resource.Port]
}

// ContainerEvidence is a container with kuke's labels.
type ContainerEvidence struct {
	Path                  resource.Path
	ID, Namespace, Cgroup string
	// CellID is the identifier of its cell, see [state.Record.CellID]; empty if the container does not name one.
	CellID                  string
	Project                 string
	SpecDigest, ImageDigest string
	// Spec is its recorded spec with later changes; nil if there is none.
	Spec *resource.Container
	// Limits are the limits of its cgroup; nil without a cgroup.
	Limits    *resource.Resources
	CreatedAt time.Time
}
