package allocate

import (
	"net/netip"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// ContainerID returns the id that a container at p is made under, and reserves it.
func ContainerID(taken *state.HostNames, p resource.Path, namespace string) string {
	return free(taken.Containers, p, func(n int) [2]string { return [2]string{namespace, resource.ContainerIDVariant(p, n)} })[1]
}

// CellID returns the id of a cell that is made at p as [state.Status] holds it, empty where the path makes it, and reserves it.
func CellID(taken *state.HostNames, p resource.Path) string {
	id := free(taken.Cells, p, func(n int) string { return state.CellIDVariant(p, n) })
	if id == state.CellID(p) {
		return ""
	}
	return id
}

// Cgroup returns the cgroup of a resource that is made at p, and reserves it. above is the cgroup of its parent, empty where its
// path makes that.
func Cgroup(taken *state.HostNames, p resource.Path, spec resource.Spec, above string) string {
	name := resource.CgroupOf(p, spec)
	if above != "" {
		name = resource.CgroupIn(above, p, spec)
	}
	return free(taken.Cgroups, p, func(n int) string { return resource.Variant(name, n) })
}

// VolumePlace returns the place of a volume that is made at p, and reserves it.
func VolumePlace(taken *state.HostNames, p resource.Path) string {
	return free(taken.Places, p, func(n int) string { return state.VolumePlace(p, n) })
}

// free returns the first form of a name that no other resource than p has, and gives it to p.
func free[K comparable](taken map[K]resource.Path, p resource.Path, variant func(n int) K) K {
	n := 1
	for ; n < resource.MaxVariants; n++ {
		if owner, ok := taken[variant(n)]; !ok || owner == p {
			break
		}
	}
	taken[variant(n)] = p
	return variant(n)
}

// hostLoopback is the address of the host in its own network.
const hostLoopback = "127.0.0.1"

// Etc returns the content of the files in /etc of a cell with the root container, which is attached as at says.
func Etc(root *resource.Container, at *state.Attachment) state.Etc {
	gateway := ""
	switch {
	case at.OnHost():
		gateway = hostLoopback
	case len(at.Interfaces) > 0:
		gateway = at.Interfaces[0].Network.Gateway
	}
	e := state.Etc{
		Hostname: root.Hostname, Domainname: root.Domainname, DNS: root.DNS, DNSSearch: root.DNSSearch, DNSOptions: root.DNSOptions,
	}
	for _, text := range root.ExtraHosts {
		h, err := resource.ParseExtraHost(text)
		if err == nil && !h.Address.IsValid() {
			h.Address, err = netip.ParseAddr(gateway)
		}
		if err == nil {
			e.ExtraHosts = append(e.ExtraHosts, h.String())
		}
	}
	return e
}
