package state

import (
	"strings"

	"github.com/kukeon/kuke/config/resource"
)

// Network is the network of a space as it was made.
type Network struct {
	// Name is the CNI network's; File the name of its conflist, in the directory of such.
	Name string `json:"name"`
	File string `json:"file"`
	// Bridge is the interface of the host that the cells are attached to.
	Bridge string `json:"bridge"`
	// Subnet is in CIDR form; Gateway is its first address, which the bridge has.
	Subnet  string `json:"subnet"`
	Gateway string `json:"gateway"`
	// Firewall is the digest of the firewall's rules as the kernel gave them back.
	Firewall string `json:"firewall,omitempty"`
}

// Attachment is how a cell is on the network.
type Attachment struct {
	// Interfaces holds the one in the cell's own space first.
	Interfaces []Interface `json:"interfaces"`
	// Published are the ports of the host that lead to the cell, in the form of [resource.Port] and with the host's
	// ports chosen.
	Published []string `json:"published,omitempty"`
	// Names are those that the cell is known by in its spaces: <cell>, <cell>.<stack> and its aliases.
	Names []string `json:"names"`
}

// Interface is a network interface of a cell.
type Interface struct {
	// Name is eth0 in the cell's own space, eth1 and so on in further ones.
	Name  string        `json:"name"`
	Space resource.Path `json:"space"`
	// Address is in CIDR form.
	Address string `json:"address"`
	// Network is the space's, without its firewall.
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

// Health is what the last check of a container came to.
type Health struct {
	// State is "healthy", "unhealthy", or "completed" for a container that was waited for until it exited with 0.
	State string `json:"state"`
	// Detail says why it is unhealthy.
	Detail string `json:"detail,omitempty"`
}

// The states of a health.
const (
	Healthy   = "healthy"
	Unhealthy = "unhealthy"
	Completed = "completed"
)

// Bounds of what CNI knows a cell by.
const (
	// maxAttachment is the longest that the name of a network and the id of a cell may be together. libcni remembers an
	// attachment in a file NETWORK-ID-INTERFACE, and the plugin portmap makes a rule with a comment that names both, which
	// iptables takes up to 255 characters of: dnat name: "NETWORK" id: "ID".
	maxAttachment = 255 - len(`dnat name: "" id: ""`)
	// shortCellID is the length of ids that are shortened: fit for the longest name of a network.
	shortCellID = 76
)

// CellID returns what CNI and the pin of the network namespace know a cell by: <realm>_<space>_<stack>_<cell>, shortened
// with a stable hash suffix where CNI would not take it.
func CellID(cell resource.Path) string { return CellIDVariant(cell, 1) }

// CellIDVariant returns the n-th form of [CellID], see [resource.Variant].
func CellIDVariant(cell resource.Path, n int) string {
	id := resource.Variant(strings.Join(cell.Names(), "_"), n)
	if len(resource.NetworkName(cell))+len(id) <= maxAttachment {
		return id
	}
	return resource.Shorten(id, shortCellID)
}

// CellID returns what CNI and the pin of its network namespace know the recorded cell by. It stays when the cell is moved.
func (r *Record) CellID() string {
	if r.Status.CellID != "" {
		return r.Status.CellID
	}
	return CellID(r.Path)
}
