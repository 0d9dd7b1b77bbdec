package state

import (
	"strings"

	"github.com/kukeon/kuke/config/resource"
)

// Network is the network of a space as created.
type Network struct {
	// Name is the name of the CNI network; File the name of its conflist in CNI's directory.
	Name string `json:"name"`
	File string `json:"file"`
	// Bridge is the host's interface that cells are attached to.
	Bridge string `json:"bridge"`
	// Subnet is in CIDR form; Gateway is its first address, which the bridge has.
	Subnet  string `json:"subnet"`
	Gateway string `json:"gateway"`
	// Subnet6 and Gateway6 are those of IPv6, empty where the space has none.
	Subnet6  string `json:"subnet6,omitempty"`
	Gateway6 string `json:"gateway6,omitempty"`
	// Firewall is the digest of the firewall's rules as read back from the kernel.
	Firewall string `json:"firewall,omitempty"`
}

// Attachment connects a cell to networks.
type Attachment struct {
	// Mode is [resource.NetworkHost] or [resource.NetworkNone] for a cell without interfaces, else empty.
	Mode string `json:"mode,omitempty"`
	// Interfaces begins with the interface in the cell's own space.
	Interfaces []Interface `json:"interfaces"`
	// Published are the ports of the host that lead to the cell, in the form of [resource.Port], with chosen host ports.
	Published []string `json:"published,omitempty"`
	// Names are the names of the cell in its spaces: <cell>, <cell>.<stack> and its aliases.
	Names []string `json:"names"`
	Etc
}

// Etc holds the content of a cell's files in /etc, as far as it does not follow from the names of cells.
type Etc struct {
	// Hostname is empty for the name of the cell, or for the host's in the host's network.
	Hostname   string `json:"hostname,omitempty"`
	Domainname string `json:"domainname,omitempty"`
	// DNS, DNSSearch and DNSOptions take the place of the host's, where they are not empty. "." in DNSSearch means none.
	DNS        []string `json:"dns,omitempty"`
	DNSSearch  []string `json:"dnsSearch,omitempty"`
	DNSOptions []string `json:"dnsOptions,omitempty"`
	// ExtraHosts are in the form of [resource.ExtraHost], with an address each.
	ExtraHosts []string `json:"extraHosts,omitempty"`
}

// OnHost reports whether the cell has the host's network.
func (a *Attachment) OnHost() bool { return a != nil && a.Mode == resource.NetworkHost }

// HostnameOf returns the host name of the cell with the attachment a, which may be nil.
func (a *Attachment) HostnameOf(cell resource.Path) string {
	if a == nil || a.Hostname == "" {
		return cell.Name()
	}
	return a.Hostname
}

// Interface is a network interface of a cell.
type Interface struct {
	// Name is eth0 in the cell's own space, eth1 and so on in further ones.
	Name  string        `json:"name"`
	Space resource.Path `json:"space"`
	// Address is in CIDR form.
	Address string `json:"address"`
	// Address6 is the IPv6 address in CIDR form, empty where the space has no IPv6.
	Address6 string `json:"address6,omitempty"`
	// MAC is empty for the address that follows from Address.
	MAC string `json:"mac,omitempty"`
	// Network is the network of the space, without its firewall.
	Network Network `json:"network"`
}

// In returns the interface that a has in the space, or nil. a may be nil.
func (a *Attachment) In(space resource.Path) *Interface {
	if a == nil {
		return nil
	}
	for i := range a.Interfaces {
		if a.Interfaces[i].Space == space {
			return &a.Interfaces[i]
		}
	}
	return nil
}

// Health is the result of a container's last check.
type Health struct {
	// State is "healthy", "unhealthy", or "completed" for a container that was waited for until it exited with 0.
	State string `json:"state"`
	// Detail says why it is unhealthy.
	Detail string `json:"detail,omitempty"`
	// Output is the end of the output of the command that failed. It is only in manifests that are shown, and never recorded.
	Output string `json:"output,omitempty"`
}

// The states of a health.
const (
	Healthy   = "healthy"
	Unhealthy = "unhealthy"
	Completed = "completed"
)

// Limits of the id of a cell in CNI.
const (
	// maxAttachment limits the lengths of a network's name and a cell's id together. libcni records an attachment in a file
	// NETWORK-ID-INTERFACE, and the plugin portmap adds a rule with a comment of both, which iptables limits to 255
	// characters: dnat name: "NETWORK" id: "ID".
	maxAttachment = 255 - len(`dnat name: "" id: ""`)
	// shortCellID is the length of shortened ids: it fits the longest name of a network.
	shortCellID = 76
)

// CellID returns the id of a cell in CNI and for the pin of its network namespace: <realm>_<space>_<stack>_<cell>,
// shortened with a stable hash suffix where CNI would refuse it.
func CellID(cell resource.Path) string { return CellIDVariant(cell, 1) }

// CellIDVariant returns the n-th form of [CellID], see [resource.Variant].
func CellIDVariant(cell resource.Path, n int) string {
	id := resource.Variant(strings.Join(cell.Names(), "_"), n)
	if len(resource.NetworkName(cell))+len(id) <= maxAttachment {
		return id
	}
	return resource.Shorten(id, shortCellID)
}

// CellID returns the id of the recorded cell in CNI and for the pin of its network namespace. A move does not change it.
func (r *Record) CellID() string {
	if r.Status.CellID != "" {
		return r.Status.CellID
	}
	return CellID(r.Path)
}
